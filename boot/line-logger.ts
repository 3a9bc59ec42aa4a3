import type { Logger } from '@polis/lib/logger'

type Fields = Readonly<Record<string, unknown>>

/** One JSON line an entry, for the small processes: pino's memory would be a tenth of theirs. */
export function lineLogger(write: (line: string) => void, bound: Fields = {}): Logger {
  const at =
    (level: string) =>
    (msg: string, fields: Fields = {}): void => {
      write(
        `${JSON.stringify({ time: new Date().toISOString(), level, msg, ...bound, ...fields })}\n`,
      )
    }
  return {
    debug: () => undefined,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => lineLogger(write, { ...bound, ...fields }),
  }
}
