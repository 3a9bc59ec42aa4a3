import type { Kernel } from '@polis/kernel/kernel'
import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client'
import { addRuntimeMetrics } from './runtime-metrics.ts'

/** What the API counts and measures, and the text that Prometheus reads. */
export class ApiMetrics {
  /** Others may add theirs. */
  readonly registry: Registry
  readonly #requests: Counter<'method' | 'route' | 'status'>
  readonly #seconds: Histogram<'route'>
  readonly #streams: Gauge

  constructor(kernel: Kernel, registry: Registry) {
    this.registry = registry
    const registers = [registry]
    this.#requests = new Counter({
      name: 'polis_http_requests_total',
      help: 'Requests answered, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'polis_http_request_duration_seconds',
      help: 'Time until the answer began.',
      labelNames: ['route'],
      buckets: [0.002, 0.01, 0.05, 0.2, 1, 5, 30],
      registers,
    })
    this.#streams = new Gauge({
      name: 'polis_http_open_streams',
      help: 'Event streams that are open.',
      registers,
    })
    new Gauge({
      name: 'polis_ready',
      help: '1 once the store is loaded and the controllers run.',
      registers,
      collect() {
        this.set(kernel.isReady() ? 1 : 0)
      },
    })
    addRuntimeMetrics(registry)
  }

  /** One request was answered; `route` is its pattern, never its path. */
  answered(request: {
    readonly method: string
    readonly route: string
    readonly status: number
    readonly durationMs: number
  }): void {
    const { method, route, status, durationMs } = request
    this.#requests.inc({ method, route, status: String(status) })
    this.#seconds.observe({ route }, durationMs / 1000)
  }

  streamOpened(): void {
    this.#streams.inc()
  }

  streamClosed(): void {
    this.#streams.dec()
  }
}
