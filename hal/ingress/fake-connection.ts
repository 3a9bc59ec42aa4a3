import type { Endpoint } from './class.ts'

/** A request or connection under way through a fake edge. */
export class FakeConnection {
  readonly endpoint: Endpoint
  /** By which admission it came in, when through the gateway. */
  readonly admission: { readonly port: number; readonly from: string } | undefined
  /** Resolves when either side has ended it. */
  readonly closed: Promise<void>
  readonly #onClose: () => void
  #isOpen = true

  constructor(
    endpoint: Endpoint,
    admission: { readonly port: number; readonly from: string } | undefined,
    onClose: () => void,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.endpoint = endpoint
    this.admission = admission
    this.closed = promise
    this.#onClose = () => {
      onClose()
      resolve()
    }
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  isTo({ taskUid, incarnation }: Pick<Endpoint, 'taskUid' | 'incarnation'>): boolean {
    return this.endpoint.taskUid === taskUid && this.endpoint.incarnation === incarnation
  }

  close(): void {
    this.#isOpen = false
    this.#onClose()
  }
}
