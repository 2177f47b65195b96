/*
** Linked into `testfixture` with `-Wl,--wrap=exit,--wrap=abort`: lets suite.c end what plays a process,
** where a script's own process would go on to end.
*/
extern void __real_exit(int) __attribute__((noreturn));
extern void __real_abort(void) __attribute__((noreturn));

void (*suite_exit)(int);

void __wrap_exit(int code) {
  if (suite_exit) suite_exit(code);
  __real_exit(code);
}

void __wrap_abort(void) {
  if (suite_exit) suite_exit(134);
  __real_abort();
}
