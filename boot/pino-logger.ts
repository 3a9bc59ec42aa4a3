import type { Logger } from '@polis/lib/logger'
import { destination, type Logger as Pino, pino, stdTimeFunctions } from 'pino'

/** JSON lines on stderr, for the server and the agent. `POLIS_LOG_LEVEL` says how much. */
export function pinoLogger(level: string): Logger {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return wrap(pino(options, destination({ dest: 2, sync: true })))
}

function wrap(logger: Pino): Logger {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  }
}
