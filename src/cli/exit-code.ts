/**
 * What the exit code of `graveyar` says. Part of the interface: scripts depend on it, so a number never changes its meaning.
 */

/** By name; the comment of each is what `graveyar --help` shows. */
export const EXIT = {
  /** done */
  ok: 0,
  /** failed, or check found problems */
  failed: 1,
  /** wrong arguments or configuration */
  usage: 2,
  /** the data directory is in use by another process */
  locked: 3,
  /** the data is damaged */
  corrupt: 4,
  /** the data was written by a newer version */
  tooNew: 5,
  /** the disk refused: full, read-only, no permission */
  disk: 6,
  /** the address cannot be listened on */
  address: 7,
  /** the server cannot be reached, or did not answer in time */
  unavailable: 8,
  /** the store is not in the state that was expected */
  conflict: 9,
  /** there is no such stream, or no such member */
  notFound: 10,
  /** a defect of the program; the log has details */
  internal: 70,
  /** ended by SIGHUP, as shells say it */
  hungUp: 129,
  /** ended by SIGINT, as shells say it */
  interrupted: 130,
  /** ended by SIGTERM, as shells say it */
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For the end of the help. */
export const EXIT_CODE_HELP = `Exit codes:
  0  done                                          6  the disk refused: full, read-only, no permission
  1  failed, or check found problems               7  the address cannot be listened on
  2  wrong arguments or configuration              8  the server cannot be reached or did not answer in time
  3  the data directory is in use                  9  the store is not in the state that was expected
  4  the data is damaged                          10  there is no such stream or member
  5  the data was written by a newer version      70  a defect of the program
129  hung up (SIGHUP)                            130  interrupted (SIGINT)
143  terminated (SIGTERM)`;

/** The code of a command that could not finish because of this signal, the reason of `Terminal.interrupted`. */
export function interruptionCode(signal: unknown): ExitCode {
  if (signal === 'SIGHUP') return EXIT.hungUp;
  return signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
}
