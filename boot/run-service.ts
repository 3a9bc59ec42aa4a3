// What the server's and the agent's processes have in common: they run until told to end, and say why when they fail.
import { causeChain, toPolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { type Config, readConfig } from './config.ts'
import { type Home, homeOf } from './home.ts'
import { VERSION } from './package-version.ts'
import { pinoLogger } from './pino-logger.ts'

export interface ServiceOptions {
  readonly home: Home
  readonly config: Config
  readonly logger: Logger
  readonly version: string
}

const LEVELS = new Set(['debug', 'info', 'warn', 'error'])

/** Ends the process: 0 after SIGTERM or SIGINT, 1 on failure; whoever keeps it running starts it again. */
export async function runService(
  name: string,
  serve: (options: ServiceOptions, signal: AbortSignal) => Promise<void>,
): Promise<never> {
  const level = process.env['POLIS_LOG_LEVEL'] ?? 'info'
  const logger = pinoLogger(LEVELS.has(level) ? level : 'info').child({ service: name })
  const end = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.abort())
  // A rejection nobody waited for is a bug whose extent is unknown: start anew from the store.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (thrown: unknown) => {
      const stack = thrown instanceof Error ? thrown.stack : undefined
      logger.error('unexpected failure, ending', { causes: causeChain(thrown), stack })
      process.exit(1)
    })
  }
  try {
    const home = homeOf(process.env)
    logger.info('starting', { version: VERSION, pid: process.pid })
    await serve({ home, config: readConfig(home), logger, version: VERSION }, end.signal)
    logger.info('ended')
    process.exit(end.signal.aborted ? 0 : 1)
  } catch (thrown) {
    if (end.signal.aborted) process.exit(0)
    const { code, hint } = toPolisError(thrown, `run ${name}`)
    logger.error('failed, ending', { code, causes: causeChain(thrown), hint })
    process.exit(1)
  }
}
