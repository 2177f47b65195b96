/*
** What SQLite's own test scripts expect of the default VFS besides storing bytes, around the VFS
** `actor`. A Tcl extension for SQLite's `testfixture`: `load suite.so` registers the VFS `suite`
** as the default one and the command `suite` for scripts.
**
** Main files are actors; their names are absolute paths, as those of files. Everything else that
** a VFS does (clock, randomness, loading of libraries, full path names) `unix` does.
**
** A main file that a script has made as a real file is taken into the store when SQLite opens it. `suite export` makes a real file of an actor.
*/
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcl.h>
#include <unistd.h>

#include "sqlite3.h"

/* What os_unix.c has for tests. */
extern int sqlite3_io_error_hit, sqlite3_io_error_hardhit, sqlite3_io_error_pending;
extern int sqlite3_io_error_persist, sqlite3_io_error_benign;
extern int sqlite3_diskfull_pending, sqlite3_diskfull;
extern int sqlite3_open_file_count, sqlite3_sync_count, sqlite3_fullsync_count;

static sqlite3_vfs *actor_vfs;
static sqlite3_vfs *unix_vfs;

#define ACTOR_NAME_MAX 512

typedef struct SuiteFile {
  sqlite3_file base;
  sqlite3_file *inner; /* directly behind */
  int is_main;
  int known; /* of a file with a name: the place of its name in the list of names */
  int is_new;  /* a journal whose folder `unix` would sync with it */
  int process; /* who opened it */
  struct SuiteFile *next; /* in the list of open files */
} SuiteFile;

static SuiteFile *open_files;

/* Who runs: 0 is the script itself, another number what plays a process of that number. */
static int process;

/* Whether this call shall fail (SimulateIOError in os_common.h). */
static int io_error(void) {
  if ((sqlite3_io_error_persist && sqlite3_io_error_hit) || sqlite3_io_error_pending-- == 1) {
    sqlite3_io_error_hit++;
    if (!sqlite3_io_error_benign) sqlite3_io_error_hardhit++;
    return 1;
  }
  return 0;
}

/* Whether the disk shall be full (SimulateDiskfullError in os_common.h). */
static int disk_full(void) {
  if (sqlite3_diskfull_pending == 0) return 0;
  if (sqlite3_diskfull_pending > 1) {
    sqlite3_diskfull_pending--;
    return 0;
  }
  if (!sqlite3_io_error_benign) sqlite3_io_error_hardhit++;
  sqlite3_diskfull = 1;
  sqlite3_io_error_hit = 1;
  return 1;
}

static sqlite3_file *inner(sqlite3_file *file) { return ((SuiteFile *)file)->inner; }

/* What the operating system said where it was asked, and our VFS was not. */
static int last_errno;

/* The names under which scripts have looked for actors, and how often each is open. */
static struct Known {
  char *path;
  int open;
  sqlite3_file *journal; /* if it is a journal: the private file of a connection, while open */
  int made;       /* a journal that SQLite has not deleted */
  int changed;    /* a script has changed its real file, which SQLite has not looked at since */
  int read_only;  /* its permissions, as scripts set them */
  int unreadable;
} known[1 << 16]; /* which never move: threads of scripts share them */
static int known_count;
static pthread_mutex_t lists = PTHREAD_MUTEX_INITIALIZER;

static int know(const char *path) {
  pthread_mutex_lock(&lists);
  int i = 0;
  while (i < known_count && strcmp(known[i].path, path) != 0) i++;
  if (i == (int)(sizeof known / sizeof *known)) abort();
  if (i == known_count) {
    known[i].path = strdup(path);
    known_count++;
  }
  pthread_mutex_unlock(&lists);
  return i;
}

static struct Known *known_as(const char *path) {
  int i = know(path);
  return &known[i];
}

static int x_close(sqlite3_file *file) {
  SuiteFile *suite = (SuiteFile *)file;
  if (suite->known >= 0) {
    if (suite->is_main) known[suite->known].open--;
    if (known[suite->known].journal == suite->inner) known[suite->known].journal = 0;
  }
  pthread_mutex_lock(&lists);
  SuiteFile **at = &open_files;
  while (*at != suite) at = &(*at)->next;
  *at = suite->next;
  pthread_mutex_unlock(&lists);
  int rc = inner(file)->pMethods->xClose(inner(file));
  sqlite3_open_file_count--;
  return rc;
}
static int adopt(const char *path);

/* Takes in what a script has done to the real file meanwhile. */
static void look(sqlite3_file *file) {
  SuiteFile *suite = (SuiteFile *)file;
  if (!suite->is_main || suite->known < 0 || !known[suite->known].changed) return;
  known[suite->known].changed = 0;
  adopt(known[suite->known].path);
}

static int x_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at) {
  look(file);
  if (io_error()) return SQLITE_IOERR_READ;
  return inner(file)->pMethods->xRead(inner(file), out, len, at);
}
static int x_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
  if (io_error()) return SQLITE_IOERR_WRITE;
  if (disk_full()) return SQLITE_FULL;
  return inner(file)->pMethods->xWrite(inner(file), bytes, len, at);
}
static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
  if (io_error()) return SQLITE_IOERR_TRUNCATE;
  return inner(file)->pMethods->xTruncate(inner(file), size);
}
static int x_sync(sqlite3_file *file, int flags) {
  if ((flags & 0x0f) == SQLITE_SYNC_FULL) sqlite3_fullsync_count++;
  sqlite3_sync_count++;
  if (((SuiteFile *)file)->is_new) sqlite3_sync_count++;
  ((SuiteFile *)file)->is_new = 0;
  /* Of a main file the moment of truth is SQLITE_FCNTL_SYNC; what fails there is below. */
  if (!((SuiteFile *)file)->is_main) {
    if (disk_full()) return SQLITE_FULL;
    if (io_error()) return SQLITE_IOERR_FSYNC;
  }
  return inner(file)->pMethods->xSync(inner(file), flags);
}
static int x_file_size(sqlite3_file *file, sqlite3_int64 *size) {
  if (io_error()) return SQLITE_IOERR_FSTAT;
  return inner(file)->pMethods->xFileSize(inner(file), size);
}
static int x_lock(sqlite3_file *file, int level) {
  look(file);
  return inner(file)->pMethods->xLock(inner(file), level);
}
static int x_unlock(sqlite3_file *file, int level) {
  return inner(file)->pMethods->xUnlock(inner(file), level);
}
static int x_check_reserved_lock(sqlite3_file *file, int *reserved) {
  if (io_error()) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  return inner(file)->pMethods->xCheckReservedLock(inner(file), reserved);
}
/* A name for a temporary file, which is `unix`'s to find: ours have none. */
static int temp_name(void *arg) {
  sqlite3_file *file = calloc(1, unix_vfs->szOsFile);
  int flags = SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_DELETEONCLOSE;
  int rc = unix_vfs->xOpen(unix_vfs, 0, file, flags, &flags);
  if (rc == SQLITE_OK) {
    rc = file->pMethods->xFileControl(file, SQLITE_FCNTL_TEMPFILENAME, arg);
    file->pMethods->xClose(file);
  }
  free(file);
  return rc;
}

static int x_file_control(sqlite3_file *file, int op, void *arg) {
  if (op == SQLITE_FCNTL_TEMPFILENAME) return temp_name(arg);
  if (op == SQLITE_FCNTL_LAST_ERRNO) {
    *(int *)arg = last_errno;
    return SQLITE_OK;
  }
  /* What a connection of ours refuses in words (WAL, OFF) is SQLite's to answer here: it does not take WAL either. */
  if (op == SQLITE_FCNTL_PRAGMA && sqlite3_stricmp(((char **)arg)[1], "journal_mode") == 0) {
    return SQLITE_NOTFOUND;
  }
  if (op == SQLITE_FCNTL_SYNC && ((SuiteFile *)file)->is_main) {
    if (disk_full()) return SQLITE_FULL;
    if (io_error()) return SQLITE_IOERR_FSYNC;
  }
  /* `crash` of test6.c writes only when it is told to sync, which is after SYNC, and keeps that to itself. */
  if (op == SQLITE_FCNTL_COMMIT_PHASETWO && sqlite3_vfs_find("crash")) {
    int rc = inner(file)->pMethods->xSync(inner(file), SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK) return rc;
  }
  return inner(file)->pMethods->xFileControl(inner(file), op, arg);
}
static int x_sector_size(sqlite3_file *file) {
  return inner(file)->pMethods->xSectorSize(inner(file));
}
/*
** Of what the actor VFS promises only what `unix` does as well: scripts that see a batch-atomic
** file skip most of what they could try, and the others spare SQLite steps that scripts count.
*/
static int x_device_characteristics(sqlite3_file *file) {
  int promised = inner(file)->pMethods->xDeviceCharacteristics(inner(file));
  return promised & (SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_IMMUTABLE);
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved_lock,
    .xFileControl = x_file_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_device_characteristics,
};

/*
** A file of a process that is gone: it is closed, and what is left of its connection talks to nobody.
*/
static int gone(sqlite3_file *file) {
  (void)file;
  return SQLITE_OK;
}
static int gone_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at) {
  (void)file;
  (void)at;
  memset(out, 0, len);
  return SQLITE_IOERR_SHORT_READ;
}
static int gone_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
  (void)bytes;
  (void)len;
  (void)at;
  return gone(file);
}
static int gone_truncate(sqlite3_file *file, sqlite3_int64 size) {
  (void)size;
  return gone(file);
}
static int gone_flags(sqlite3_file *file, int flags) {
  (void)flags;
  return gone(file);
}
static int gone_size(sqlite3_file *file, sqlite3_int64 *size) {
  *size = 0;
  return gone(file);
}
static int gone_reserved(sqlite3_file *file, int *reserved) {
  *reserved = 0;
  return gone(file);
}
static int gone_control(sqlite3_file *file, int op, void *arg) {
  (void)op;
  (void)arg;
  (void)gone(file);
  return SQLITE_NOTFOUND;
}

static const sqlite3_io_methods gone_methods = {
    .iVersion = 1,
    .xClose = gone,
    .xRead = gone_read,
    .xWrite = gone_write,
    .xTruncate = gone_truncate,
    .xSync = gone_flags,
    .xFileSize = gone_size,
    .xLock = gone_flags,
    .xUnlock = gone_flags,
    .xCheckReservedLock = gone_reserved,
    .xFileControl = gone_control,
    .xSectorSize = gone,
    .xDeviceCharacteristics = gone,
};

/* Closes the files of a process as the kernel does: without a word to SQLite. */
static void cut(int of) {
  SuiteFile *file = open_files, *next;
  for (; file; file = next) {
    next = file->next;
    if (file->process != of) continue;
    x_close(&file->base);
    file->base.pMethods = &gone_methods;
  }
}

/* The methods of an actor's file are used here without counting, and without made-up errors. */
static int open_actor(const char *path, int flags, sqlite3_file **out, sqlite3_filename *name) {
  const char *snapshot[] = {"immutable", "1"};
  int n = flags & SQLITE_OPEN_READONLY ? 1 : 0;
  sqlite3_file *file = calloc(1, actor_vfs->szOsFile);
  *name = sqlite3_create_filename(path, "", "", n, snapshot);
  int rc = actor_vfs->xOpen(actor_vfs, *name, file, flags | SQLITE_OPEN_MAIN_DB, 0);
  if (rc != SQLITE_OK) {
    free(file);
    sqlite3_free_filename(*name);
    return rc;
  }
  *out = file;
  return SQLITE_OK;
}
static void close_actor(sqlite3_file *file, sqlite3_filename name) {
  file->pMethods->xClose(file);
  free(file);
  sqlite3_free_filename(name);
}

/* Whether a script shall see a file of that name. */
static int exists(const char *path) {
  int found = known_as(path)->journal != 0;
  if (!found) actor_vfs->xAccess(actor_vfs, path, SQLITE_ACCESS_EXISTS, &found);
  return found;
}

/* Puts the bytes of a real file into the actor of that name, over whatever it holds. */
static int import_file(const char *path) {
  FILE *real = fopen(path, "rb");
  if (!real) return SQLITE_CANTOPEN;
  sqlite3_file *file;
  sqlite3_filename name;
  int rc = open_actor(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &file, &name);
  if (rc == SQLITE_OK) {
    static char bytes[65536];
    sqlite3_int64 at = 0;
    size_t n;
    rc = file->pMethods->xTruncate(file, 0);
    while (rc == SQLITE_OK && (n = fread(bytes, 1, sizeof bytes, real)) > 0) {
      rc = file->pMethods->xWrite(file, bytes, (int)n, at);
      at += n;
    }
    if (rc == SQLITE_OK) rc = file->pMethods->xFileControl(file, SQLITE_FCNTL_SYNC, 0);
    close_actor(file, name);
  }
  fclose(real);
  return rc;
}

/* Whether that is a real file that could be a database. Text files of scripts are opened as main files too. */
static int is_database(const char *path) {
  struct stat st;
  return path && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size % 512 == 0;
}

/* Takes a real file that stands at `path` into the store. */
static int adopt(const char *path) {
  if (!is_database(path)) return SQLITE_OK;
  int rc = import_file(path);
  if (rc == SQLITE_OK) unlink(path);
  return rc;
}

/* A script has changed the real file of an actor. It stays as it is until SQLite looks at it, so
** that several changes are one commit. */
static int changed(const char *path) {
  struct Known *file = known_as(path);
  if (file->journal) return SQLITE_OK;
  if (file->open == 0) return actor_vfs->xDelete(actor_vfs, path, 0);
  file->changed = 1;
  return SQLITE_OK;
}

static int copy_out(sqlite3_file *file, const char *path) {
  FILE *real = fopen(path, "wb");
  sqlite3_int64 size = 0, at;
  int rc = real ? file->pMethods->xFileSize(file, &size) : SQLITE_CANTOPEN;
  for (at = 0; rc == SQLITE_OK && at < size; at += 512) {
    char bytes[512];
    int len = size - at < 512 ? (int)(size - at) : 512;
    rc = file->pMethods->xRead(file, bytes, len, at);
    if (rc == SQLITE_OK && fwrite(bytes, 1, len, real) != (size_t)len) rc = SQLITE_IOERR;
  }
  if (real) fclose(real);
  return rc;
}

/* Makes a real file of an actor, or of a journal that some connection has open. */
static int export_file(const char *path) {
  sqlite3_file *file = known_as(path)->journal;
  if (file) return copy_out(file, path);
  sqlite3_filename name;
  int rc = open_actor(path, SQLITE_OPEN_READONLY, &file, &name);
  if (rc != SQLITE_OK) return rc;
  rc = copy_out(file, path);
  close_actor(file, name);
  return rc;
}

static int v_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out) {
  SuiteFile *suite = (SuiteFile *)file;
  (void)vfs;
  suite->base.pMethods = 0;
  suite->inner = (sqlite3_file *)&suite[1];
  suite->is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  suite->is_new = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) && (flags & SQLITE_OPEN_CREATE);
  suite->known = name ? know(name) : -1;
  if (suite->is_main) {
    int rc = adopt(name);
    if (rc != SQLITE_OK) return rc == SQLITE_NOMEM ? rc : SQLITE_CANTOPEN;
    struct stat st;
    /* A folder, a device or a text is no actor. */
    if (stat(name, &st) == 0) return unix_vfs->xOpen(unix_vfs, name, file, flags, out);
    /* As open(2) says it: a folder that is missing is not created. */
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", name);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
      *slash = 0;
      if (stat(folder, &st) != 0) {
        last_errno = errno;
        return SQLITE_CANTOPEN;
      }
    }
  }
  if (suite->is_main) {
    if (known[suite->known].unreadable) return SQLITE_CANTOPEN;
    if (known[suite->known].read_only) {
      flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      flags |= SQLITE_OPEN_READONLY;
    }
  }
  int rc = actor_vfs->xOpen(actor_vfs, name, suite->inner, flags, out);
  if (rc != SQLITE_OK) return rc;
  if (suite->is_main) {
    known[suite->known].open++;
  } else if (suite->known >= 0) {
    known[suite->known].journal = suite->inner;
    known[suite->known].made = 1;
  }
  sqlite3_open_file_count++;
  suite->process = process;
  pthread_mutex_lock(&lists);
  suite->next = open_files;
  open_files = suite;
  pthread_mutex_unlock(&lists);
  suite->base.pMethods = &methods;
  return SQLITE_OK;
}
static int v_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  if (io_error()) return SQLITE_IOERR_DELETE;
  struct Known *file = known_as(name);
  if (file->made && sync_folder) sqlite3_sync_count++;
  file->made = 0;
  if (unlink(name) == 0) return SQLITE_OK;
  return actor_vfs->xDelete(actor_vfs, name, sync_folder);
}
static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  (void)vfs;
  if (io_error()) return SQLITE_IOERR_ACCESS;
  /* `PRAGMA temp_store_directory` asks whether a folder can be written to. */
  if (flags == SQLITE_ACCESS_READWRITE) return unix_vfs->xAccess(unix_vfs, name, flags, out);
  return actor_vfs->xAccess(actor_vfs, name, flags, out);
}
static int v_full_pathname(sqlite3_vfs *vfs, const char *name, int len, char *out) {
  (void)vfs;
  return unix_vfs->xFullPathname(unix_vfs, name, len, out);
}
static void *v_dl_open(sqlite3_vfs *vfs, const char *name) {
  (void)vfs;
  return unix_vfs->xDlOpen(unix_vfs, name);
}
static void v_dl_error(sqlite3_vfs *vfs, int len, char *out) {
  (void)vfs;
  unix_vfs->xDlError(unix_vfs, len, out);
}
static void (*v_dl_sym(sqlite3_vfs *vfs, void *library, const char *name))(void) {
  (void)vfs;
  return unix_vfs->xDlSym(unix_vfs, library, name);
}
static void v_dl_close(sqlite3_vfs *vfs, void *library) {
  (void)vfs;
  unix_vfs->xDlClose(unix_vfs, library);
}
static int v_randomness(sqlite3_vfs *vfs, int len, char *out) {
  (void)vfs;
  return unix_vfs->xRandomness(unix_vfs, len, out);
}
static int v_sleep(sqlite3_vfs *vfs, int micros) {
  (void)vfs;
  return unix_vfs->xSleep(unix_vfs, micros);
}
static int v_current_time(sqlite3_vfs *vfs, double *out) {
  (void)vfs;
  return unix_vfs->xCurrentTime(unix_vfs, out);
}
static int v_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *out) {
  (void)vfs;
  return unix_vfs->xCurrentTimeInt64(unix_vfs, out);
}
static int v_get_last_error(sqlite3_vfs *vfs, int len, char *out) {
  (void)vfs;
  int number = last_errno;
  last_errno = 0;
  return number ? number : actor_vfs->xGetLastError(actor_vfs, len, out);
}

static sqlite3_vfs suite_vfs = {
    .iVersion = 2,
    .mxPathname = ACTOR_NAME_MAX,
    .zName = "suite",
    .xOpen = v_open,
    .xDelete = v_delete,
    .xAccess = v_access,
    .xFullPathname = v_full_pathname,
    .xDlOpen = v_dl_open,
    .xDlError = v_dl_error,
    .xDlSym = v_dl_sym,
    .xDlClose = v_dl_close,
    .xRandomness = v_randomness,
    .xSleep = v_sleep,
    .xCurrentTime = v_current_time,
    .xGetLastError = v_get_last_error,
    .xCurrentTimeInt64 = v_current_time_int64,
};

static int register_vfs(void) {
  /* A script may have made sqlite3_initialize() fail, and then nothing is found. */
  sqlite3_vfs *actor = sqlite3_vfs_find("actor"), *os = sqlite3_vfs_find("unix");
  if (!actor || !os) return SQLITE_ERROR;
  actor_vfs = actor;
  unix_vfs = os;
  suite_vfs.szOsFile = (int)sizeof(SuiteFile) + actor_vfs->szOsFile;
  if (suite_vfs.szOsFile < unix_vfs->szOsFile) suite_vfs.szOsFile = unix_vfs->szOsFile;
  return sqlite3_vfs_register(&suite_vfs, 1);
}

static Tcl_Obj *list_actors(void) {
  Tcl_Obj *list = Tcl_NewListObj(0, 0);
  for (int i = 0; i < known_count; i++) {
    if (exists(known[i].path)) {
      Tcl_ListObjAppendElement(0, list, Tcl_NewStringObj(known[i].path, -1));
    }
  }
  return list;
}

/* What `open(2)` would say of a file with these permissions, were it not root who asks. */
static void set_mode(const char *path, int mode) {
  struct Known *file = known_as(path);
  file->read_only = (mode & 0200) == 0;
  file->unreadable = (mode & 0400) == 0;
}

/* Where a process that calls exit() inside of SQLite ends: see exit.c. */
static jmp_buf crashed;
extern void (*suite_exit)(int);
static void crash(int code) { longjmp(crashed, code == 134 ? 134 : 255); }

/*
** Has `crash` of test6.c forget what it kept of files that are gone. It does so, and finds the end of its list
** again, when a file is closed whose writes it promises in order.
*/
static void drain(void) {
  sqlite3_vfs *vfs = sqlite3_vfs_find("crash");
  if (!vfs) return;
  sqlite3_file *file = calloc(1, vfs->szOsFile);
  int flags = SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (vfs->xOpen(vfs, "drain", file, flags, &flags) == SQLITE_OK) file->pMethods->xClose(file);
  free(file);
}

/* Lets a process run a script: {CODE RESULT}, or {crashed EXIT}. Its interpreter is of no use then. */
static int play(Tcl_Interp *interp, int of, const char *child_name, Tcl_Obj *script) {
  Tcl_Interp *child = Tcl_GetSlave(interp, child_name);
  if (!child) return TCL_ERROR;
  int exit_code = setjmp(crashed);
  if (exit_code != 0) {
    process = 0;
    suite_exit = 0;
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("crashed %d", exit_code));
    return TCL_OK;
  }
  process = of;
  suite_exit = crash;
  int code = Tcl_EvalObjEx(child, script, TCL_EVAL_GLOBAL);
  process = 0;
  suite_exit = 0;
  Tcl_Obj *outcome[] = {Tcl_NewIntObj(code), Tcl_DuplicateObj(Tcl_GetObjResult(child))};
  Tcl_SetObjResult(interp, Tcl_NewListObj(2, outcome));
  Tcl_ResetResult(child);
  return TCL_OK;
}

/*
** suite mode PATH PERMISSIONS | list | register | exists PATH | changed PATH | export PATH | delete PATH |
** play PROCESS INTERPRETER SCRIPT | cut PROCESS | drain | take PATH
*/
static int suite_command(ClientData data, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[]) {
  static const char *const names[] = {"register", "exists", "changed", "export", "delete", "list", "mode", "play", "cut", "take", "drain", 0};
  int which, rc = SQLITE_OK;
  (void)data;
  if (objc < 2 || Tcl_GetIndexFromObj(interp, objv[1], names, "command", 0, &which) != TCL_OK) {
    return TCL_ERROR;
  }
  const char *path = objc > 2 ? Tcl_GetString(objv[2]) : "";
  switch (which) {
    case 0: rc = register_vfs(); break;
    case 1: Tcl_SetObjResult(interp, Tcl_NewIntObj(exists(path))); return TCL_OK;
    case 2: rc = changed(path); break;
    case 3: rc = export_file(path); break;
    case 6: set_mode(path, objc > 3 ? (int)strtol(Tcl_GetString(objv[3]), 0, 8) : 0644); return TCL_OK;
    case 5: Tcl_SetObjResult(interp, list_actors()); return TCL_OK;
    case 7: return objc == 5 ? play(interp, atoi(path), Tcl_GetString(objv[3]), objv[4]) : TCL_ERROR;
    case 8: cut(atoi(path)); return TCL_OK;
    case 10: drain(); return TCL_OK;
    case 9: rc = import_file(path); break;
    case 4:
      set_mode(path, 0644);
      rc = actor_vfs->xDelete(actor_vfs, path, 0);
      break;
  }
  if (rc == SQLITE_OK) return TCL_OK;
  Tcl_SetObjResult(interp, Tcl_ObjPrintf("suite %s %s: code %d", names[which], path, rc));
  return TCL_ERROR;
}

int Suite_Init(Tcl_Interp *interp) {
  if (register_vfs() != SQLITE_OK) {
    Tcl_SetObjResult(interp, Tcl_NewStringObj("load the VFS `actor` first", -1));
    return TCL_ERROR;
  }
  Tcl_CreateObjCommand(interp, "suite", suite_command, 0, 0);
  return TCL_OK;
}
