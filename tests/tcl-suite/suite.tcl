# Runs one of SQLite's test scripts with the actor VFS as the default one:
#
#     testfixture suite.tcl LIBRARY SUITE.SO SCRIPT
#
# SQLite's scripts look at database files by Tcl's own commands. Here those commands see an actor,
# and a journal while it is open, as a file: it becomes a real one for as long as the command runs.

lassign $argv suite_library suite_so suite_script

sqlite3 suite_db :memory:
sqlite3_enable_load_extension suite_db 1
suite_db eval {SELECT load_extension($suite_library)}
suite_db close
load $suite_so Suite

# What a connection of ours refuses. Scripts ask this of SQLite's build, and skip what needs it.
set sqlite_options(wal) 0
# These two ask which formats the build can read.
if {[file tail $suite_script] in {corruptA.test rdonly.test}} { set sqlite_options(wal) 1 }

# `sqlite3_initialize` makes "unix" the default again, whoever calls it.
set suite_shut_down 0
rename sqlite3_shutdown suite_shutdown
proc sqlite3_shutdown {} {
  set ::suite_shut_down 1
  suite_shutdown
}
rename sqlite3_initialize suite_initialize
proc sqlite3_initialize {} {
  set rc [suite_initialize]
  if {$::suite_shut_down && $rc eq "SQLITE_OK"} {
    set ::suite_shut_down 0
    suite register
  }
  return $rc
}
# A trace and no wrapper: scripts know the command's own messages, and rename it.
proc suite_before_open {command operation} {
  if {$::suite_shut_down && [llength $command] > 2} sqlite3_initialize
  # Another VFS looks for a real file.
  set at [lsearch -exact $command -vfs]
  if {$at > 0 && [string match unix* [lindex $command $at+1]]} {
    set path [suite_path [lindex $command 2]]
    if {$path ne "" && ![suite_file exists $path] && [suite exists $path]} {
      suite export $path
      suite delete $path
    }
  }
}
trace add execution sqlite3 enter suite_before_open
# Other VFSs stand on the default one, and initialise SQLite from within.
proc suite_before_vfs {command operation} {
  if {$::suite_shut_down} sqlite3_initialize
}
foreach command {sqlite3_multiplex_initialize sqlite3_quota_initialize testvfs} {
  trace add execution $command enter suite_before_vfs
}

# Real files made of actors, for as long as a command looks at them.
proc suite_path {name} {
  if {$name eq "" || [string match -* $name] || [string match :*: $name]} { return "" }
  set path [suite_file normalize $name]
  expr {[string length $path] < 500 ? $path : ""}
}
proc suite_show {names} {
  set shown {}
  foreach name $names {
    set path [suite_path $name]
    if {$path eq "" || $path in $shown || [suite_file exists $path]} continue
    if {[suite exists $path]} {
      suite export $path
      lappend shown $path
    }
  }
  return $shown
}
# After the command: what it deleted is deleted, what it changed is changed.
proc suite_hide {shown before} {
  foreach path $shown was $before {
    if {![suite_file exists $path]} {
      suite delete $path
    } elseif {[suite_stamp $path] eq $was} {
      suite_file delete $path
    } else {
      suite changed $path
    }
  }
}
proc suite_stamp {path} {
  suite_file stat $path st
  list $st(mtime) $st(size) [suite_md5 $path]
}
proc suite_md5 {path} { suite_md5file $path }

# Runs `command` while the actors among `names` are real files.
proc suite_with {names command} {
  set shown [suite_show $names]
  if {$shown eq ""} { return [uplevel 2 $command] }
  set before [lmap path $shown { suite_stamp $path }]
  set code [catch { uplevel 2 $command } result options]
  suite_hide $shown $before
  return -options $options $result
}

rename file suite_file
proc file {sub args} {
  set path [suite_path [lindex $args 0]]
  if {$path ne "" && ![suite_file exists $path] && [suite exists $path]} {
    switch -glob -- $sub {
      exi* { return 1 }
      rea*able { return [suite_allows $path 0444] }
      wri* { return [suite_allows $path 0222] }
      at* {
        if {[string match -perm* [lindex $args 1]] && [llength $args] == 3} {
          return [suite_permissions $path [lindex $args 2]]
        }
      }
    }
  }
  if {[string match del* $sub]} { suite_delete $args }
  switch -glob -- $sub {
    cop* - ren* - siz* - mt* - at* - sta* - lst* - ty* - isf* {
      set result [suite_with $args [list suite_file $sub {*}$args]]
      # What was copied or renamed onto an actor is its new content.
      if {[string match cop* $sub] || [string match ren* $sub]} { suite_take [lindex $args end] }
      return $result
    }
  }
  uplevel 1 [list suite_file $sub {*}$args]
}
proc suite_delete {names} {
  foreach name $names {
    set path [suite_path $name]
    if {$path eq "" || [suite_file exists $path] || ![suite exists $path]} continue
    unset -nocomplain ::suite_modes($path)
    # A super-journal is SQLite's to delete: that is the commit.
    catch { suite delete $path }
  }
}
# Permissions of actors are kept here, and enforced by `suite mode`.
proc suite_permissions {path mode} {
  suite export $path
  suite_file attributes $path -permissions $mode
  set ::suite_modes($path) [suite_file attributes $path -permissions]
  suite_file delete -force $path
  suite mode $path $::suite_modes($path)
}
proc suite_allows {path mask} {
  expr {![info exists ::suite_modes($path)] || ($::suite_modes($path) & $mask) != 0}
}
# A real file at the name of an actor takes its place at once: connections may have it open.
proc suite_take {name} {
  set path [suite_path $name]
  if {$path ne "" && [suite_file isfile $path] && [suite exists $path]} { suite changed $path }
}

foreach command {hexio_read hexio_write md5file} {
  rename $command suite_$command
  proc $command {name args} [format {
    suite_with [list $name] [list suite_%s $name {*}$args]
  } $command]
}

# A channel on an actor: its real file goes when the channel does.
set suite_channels {}
rename open suite_open
proc open {name args} {
  if {[string match |* $name]} {
    set command [string trimleft $name "| "]
    if {[lindex $command 0] eq [info nameofexec]} { return [suite_open_process $command [lindex $args 0]] }
    return [uplevel 1 [list suite_open $name {*}$args]]
  }
  set shown [suite_show [list $name]]
  set channel [uplevel 1 [list suite_open $name {*}$args]]
  dict set ::suite_channels $channel [list $shown [suite_path $name]]
  return $channel
}
rename close suite_close
proc close {channel args} {
  suite_close_process $channel
  uplevel 1 [list suite_close $channel {*}$args]
  if {[dict exists $::suite_channels $channel]} {
    lassign [dict get $::suite_channels $channel] shown path
    dict unset ::suite_channels $channel
    foreach path $shown { suite changed $path }
    suite_take $path
  }
}

rename flush suite_flush
proc flush {channel} {
  suite_flush $channel
  if {[dict exists $::suite_channels $channel]} { suite take [lindex [dict get $::suite_channels $channel] 1] }
}

rename glob suite_glob
proc glob {args} {
  set found [uplevel 1 [list suite_glob -nocomplain {*}$args]]
  foreach pattern $args {
    if {[string match -* $pattern]} continue
    foreach path [suite list] {
      set name $path
      if {[suite_file pathtype $pattern] ne "absolute"} {
        if {[suite_file dirname $path] ne [pwd]} continue
        set name [suite_file tail $path]
      }
      if {[string match $pattern $name] && $name ni $found} { lappend found $name }
    }
  }
  if {$found eq "" && "-nocomplain" ni $args} { error "no files matched glob pattern" }
  return $found
}

source [suite_file join [suite_file dirname [info script]] process.tcl]
rename source suite_source
proc source {args} {
  set result [uplevel 1 [list suite_source {*}$args]]
  if {[suite_file tail [lindex $args end]] eq "lock_common.tcl"} {
    interp alias {} testfixture {} suite_testfixture
  }
  return $result
}

set argv0 $suite_script
set argv [list]
source $suite_script
