import type { DeviceClass } from '@polis/hal/driver'
import type { Devices, Ports } from '@polis/hal/ports'
import type { Journal } from '@polis/kernel/journal'
import type { Store } from '@polis/kernel/store'
import { PolisError } from '@polis/lib/error'

/**
 * The moment at which a process dies, counted in the things it does to the world outside itself: transactions and
 * calls to devices. From then on nothing it does has any effect, as if it had been killed.
 */
export class CrashPoint {
  readonly #at: number
  readonly #when: 'before' | 'after'
  #count = 0
  #hasCrashed = false
  readonly crashed: Promise<void>
  #tell: () => void = () => undefined

  /** Dies before, or right after, the effect number `at` (from 1); Infinity: never, it only counts. */
  constructor(at: number, when: 'before' | 'after') {
    this.#at = at
    this.#when = when
    this.crashed = new Promise((resolve) => {
      this.#tell = resolve
    })
  }

  get count(): number {
    return this.#count
  }

  get hasCrashed(): boolean {
    return this.#hasCrashed
  }

  /** The same store, as far as the dying process can still reach it. */
  store(inner: Store): Store {
    return {
      get: (key) => this.#alive(() => inner.get(key)),
      find: (key) => this.#alive(() => inner.find(key)),
      list: (prefix, options) => this.#alive(() => inner.list(prefix, options)),
      transact: (transaction) => this.#effect(() => inner.transact(transaction)),
      watch: (options, signal) => inner.watch(options, signal),
      revision: () => this.#alive(() => inner.revision()),
      compact: (revision) => this.#alive(() => inner.compact(revision)),
      leases: inner.leases,
      close: () => inner.close(),
    }
  }

  journal(inner: Journal): Journal {
    return {
      append: (records) => this.#effect(() => inner.append(records)),
      query: (query) => this.#alive(() => inner.query(query)),
      watch: (options, signal) => inner.watch(options, signal),
      prune: (retention) => this.#alive(() => inner.prune(retention)),
      close: () => inner.close(),
    }
  }

  /** The same devices: each call of a unary method is an effect. */
  devices(inner: Devices): Devices {
    return {
      port: <Class extends DeviceClass>(
        deviceClass: Class,
        address: Parameters<Devices['port']>[1],
      ) => this.#port(inner.port(deviceClass, address)),
    }
  }

  #port<Port extends Ports[DeviceClass]>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name, receiver) => {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof member !== 'function' || STREAMS.has(String(name))) {
          return typeof member === 'function' ? member.bind(target) : member
        }
        return (...args: unknown[]) =>
          this.#effect(() => Promise.resolve(member.apply(target, args)))
      },
    })
  }

  async #effect<T>(act: () => Promise<T>): Promise<T> {
    this.#requireAlive()
    this.#count += 1
    const isLast = this.#count === this.#at
    if (isLast && this.#when === 'before') this.#die()
    const result = await act()
    if (isLast) this.#die()
    this.#requireAlive()
    return result
  }

  async #alive<T>(act: () => Promise<T>): Promise<T> {
    this.#requireAlive()
    return await act()
  }

  #die(): never {
    this.#hasCrashed = true
    this.#tell()
    throw dead()
  }

  #requireAlive(): void {
    if (this.#hasCrashed) throw dead()
  }
}

const STREAMS: ReadonlySet<string> = new Set(['watchTasks', 'build', 'logs'])

function dead(): PolisError {
  return new PolisError('Unavailable', 'this process is dead')
}
