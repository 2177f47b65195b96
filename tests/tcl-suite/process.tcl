# Other processes that a script starts. An actor is open in one process, and the store in memory is no
# other process's at all: so an interpreter of this process plays each of them, with connections of its
# own. When it ends, however that comes, its files are cut off from under SQLite, as the kernel closes
# those of a process that is gone: what it had not committed is lost, and its locks are free.

set suite_process_count 0
# Of each process: its interpreter, and what it has printed.
array set suite_process {}
array set suite_printed {}

proc suite_launch {} {
  set process [incr ::suite_process_count]
  set child [interp create]
  load_testfixture_extensions $child
  set ::suite_process($process) $child
  set ::suite_printed($process) ""
  # What concerns the whole process has been done for this one.
  foreach command {
    sqlite3_initialize sqlite3_shutdown sqlite3_config install_malloc_faultsim
    sqlite3_test_control_pending_byte autoinstall_test_functions
  } {
    interp eval $child [list proc $command args {}]
  }
  foreach command {file glob hexio_read hexio_write md5file} {
    interp alias $child $command {} $command
  }
  interp alias $child exit {} suite_exit $process
  interp alias $child sqlite_abort {} suite_exit $process 255
  interp eval $child { rename puts suite_puts }
  interp alias $child puts {} suite_print $process
  return $process
}
proc suite_exit {process {code 0}} {
  set ::suite_exit_code $code
  interp cancel -unwind -- $::suite_process($process)
}
proc suite_print {process args} {
  set end "\n"
  if {[lindex $args 0] eq "-nonewline"} {
    set end ""
    set args [lrange $args 1 end]
  }
  if {[llength $args] == 2 && [lindex $args 0] ne "stdout"} {
    return [interp eval $::suite_process($process) [list suite_puts -nonewline {*}$args$end]]
  }
  append ::suite_printed($process) [lindex $args end]$end
}

# Runs a piece of the process's script: {running CODE RESULT}, {ended CODE} if it said so, or {crashed CODE} if
# that happened inside of SQLite.
proc suite_play {process script} {
  unset -nocomplain ::suite_exit_code
  # A process has a cache of its own.
  set shared [sqlite3_enable_shared_cache 0]
  set outcome [suite play $process $::suite_process($process) $script]
  sqlite3_enable_shared_cache $shared
  if {[lindex $outcome 0] eq "crashed"} { return $outcome }
  if {[info exists ::suite_exit_code]} { return [list ended $::suite_exit_code] }
  return [list running {*}$outcome]
}
proc suite_bury {process state} {
  suite cut $process
  # An interpreter that was left in the middle of a call cannot be taken down.
  if {$state eq "crashed"} { suite_leave_memory } else { interp delete $::suite_process($process) }
  sqlite3_crashparams -c sequential 0 none
  suite drain
  sqlite3_crashparams -s 512 -c {} 0 none
  sqlite3_crash_enable 0
  unset ::suite_process($process)
}

# What a crash leaves in memory would be gone with its process. Scripts look for leaks when they end.
proc suite_leave_memory {} {
  if {[info commands suite_status] ne ""} return
  rename sqlite3_status suite_status
  proc sqlite3_status {name reset} {
    if {$name eq "SQLITE_STATUS_MALLOC_COUNT"} { return {0 0 0} }
    suite_status $name $reset
  }
  rename sqlite3_memory_used suite_memory_used
  proc sqlite3_memory_used {} { return 0 }
}

# A whole process: its exit code.
proc suite_run {file printed} {
  upvar 1 $printed text
  set process [suite_launch]
  set channel [suite_open $file]
  set script [read $channel]
  suite_close $channel
  lassign [suite_play $process $script] state code result
  set text $::suite_printed($process)
  if {$state eq "running" && $code != 0} { append text "$result\n" }
  suite_bury $process $state
  expr {$state eq "running" ? $code != 0 : $code}
}

rename exec suite_exec
proc exec {args} {
  if {[lindex $args 0] ne [info nameofexec]} { return [uplevel 1 [list suite_exec {*}$args]] }
  if {[lindex $args end] eq "&"} { error "a process that runs beside the script's own is not played" }
  set code [suite_run [lindex $args 1] printed]
  set shown [lsearch -glob $args >@*]
  if {$shown > 0} { puts -nonewline $printed; set printed "" }
  if {$code == 0} { return [string trimright $printed \n] }
  # As Tcl says it of abort() and of any other end.
  set how [expr {$code == 134 ? "child killed: SIGABRT" : "child process exited abnormally"}]
  return -code error -errorcode [list CHILDSTATUS 0 $code] $printed$how
}

# A process at the other end of a pipe: one that is only read from has run when its pipe is opened. One
# that is written to is `testfixture` of lock_common.tcl, and its channel is a name and nothing else.
proc suite_open_process {command mode} {
  if {$mode eq "r+"} {
    set channel [suite_open /dev/null r+]
    set ::suite_piped($channel) [suite_launch]
    return $channel
  }
  suite_run [lindex $command 1] printed
  suite_close [suite_file tempfile path]
  set channel [suite_open $path w+]
  suite_file delete $path
  puts -nonewline $channel $printed
  seek $channel 0
  return $channel
}
proc suite_testfixture {channel command args} {
  if {![info exists ::suite_piped($channel)]} { return "ERROR: Child process hung up" }
  set process $::suite_piped($channel)
  lassign [suite_play $process $command] state code result
  if {$state ne "running"} {
    unset ::suite_piped($channel)
    suite_bury $process $state
    return "ERROR: Child process hung up"
  }
  if {[llength $args] > 0} {
    after 0 [list uplevel #0 [lindex $args 0] [list $result]]
    return ""
  }
  if {$code != 0} { error $result }
  return $result
}
proc suite_close_process {channel} {
  if {![info exists ::suite_piped($channel)]} return
  set process $::suite_piped($channel)
  unset ::suite_piped($channel)
  suite_bury $process running
}
