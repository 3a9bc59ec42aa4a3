import { join } from 'node:path'
import { systemClock } from '@polis/lib/system-clock'
import { lineLogger } from '../line-logger.ts'
import { homeOf } from '../home.ts'
import { tryLock } from '../supervisor/file-lock.ts'
import { LOG_LIMITS } from '../supervisor/rotation.ts'
import { lockPath, Supervisor } from '../supervisor/supervisor.ts'

/**
 * Runs until SIGTERM; SIGHUP reads the list of services again. A second one for the same POLIS_HOME ends at once, 0.
 */
export async function supervise(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { runDir, logsDir } = homeOf(env)
  const lock = tryLock(lockPath(runDir))
  if (lock === undefined) return
  const logger = lineLogger((line) => process.stderr.write(line))
  const { random } = Math
  const deps = { runDir, logsDir, clock: systemClock, logger, random, logLimits: LOG_LIMITS }
  const supervisor = new Supervisor(deps)
  const end = new AbortController()
  const apply = (): void => {
    supervisor.apply().catch((error: unknown) => {
      logger.error('cannot apply', { file: join(runDir, 'services.json'), error: String(error) })
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.abort())
  process.on('SIGHUP', apply)
  apply()
  await supervisor.watch(end.signal)
  lock.release()
}
