import { performance } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from '@prometheus-io/client'

/**
 * What this program takes, read only when somebody asks. The client's own collection samples the event loop a hundred
 * times a second: twice what all else takes of an idle server.
 */
export function addRuntimeMetrics(registry: Registry): void {
  const registers = [registry]
  const startedAtSeconds = Date.now() / 1000 - process.uptime()
  let lastUtilization = performance.eventLoopUtilization()
  let lastCpu = { user: 0, system: 0 }
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of all threads, in seconds.',
    registers,
    collect() {
      const cpu = process.cpuUsage()
      this.inc((cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1e6)
      lastCpu = cpu
    },
  })
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When it started, in seconds since 1970.',
    registers,
  }).set(startedAtSeconds)
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory it has in RAM.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: 'Memory of JavaScript objects.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed)
    },
  })
  new Gauge({
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Part of the time since it was last asked that the event loop was busy, 0 to 1.',
    registers,
    collect() {
      const now = performance.eventLoopUtilization()
      this.set(performance.eventLoopUtilization(now, lastUtilization).utilization)
      lastUtilization = now
    },
  })
}
