type Fields = Readonly<Record<string, unknown>>

/** Structured log, one line an entry. Whoever catches an error for good logs it, nobody else. */
export interface Logger {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** A logger whose lines all carry `fields` too. */
  child(fields: Fields): Logger
}

/** Says nothing: for tests that do not look at logs. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
