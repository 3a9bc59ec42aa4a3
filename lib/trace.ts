import { AsyncLocalStorage } from 'node:async_hooks'

/** What follows one asked-for change through every process: log lines, RPCs and events carry it. */
export interface Trace {
  readonly requestId: string
}

const storage = new AsyncLocalStorage<Trace>()

/** Runs `work` so that everything it awaits belongs to `trace`. */
export function withTrace<T>(trace: Trace, work: () => T): T {
  return storage.run(trace, work)
}

export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId
}
