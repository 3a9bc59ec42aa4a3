import { z } from 'zod'
import { type Contract, streaming, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

/** Facts the kernel plans with. */
export const OrchestratorCapabilities = z.object({
  /** The engine moves tasks off dead nodes by itself. */
  movesTasks: z.boolean(),
  /** Services of one network find each other by name. */
  hasNetworkAliases: z.boolean(),
})
export type OrchestratorCapabilities = z.infer<typeof OrchestratorCapabilities>

/** A private network of one instance. */
export const NetworkSpec = z.object({
  /** Uid of the object the network belongs to: its name in the engine. */
  uid: z.string(),
  /** For people who look at the engine: project and instance name. */
  label: z.string(),
})
export type NetworkSpec = z.infer<typeof NetworkSpec>

export const HealthCheck = z.object({
  /** As in an image: ['CMD', …], ['CMD-SHELL', …] or ['NONE']. */
  test: z.array(z.string()),
  intervalMs: z.number().int().positive().optional(),
  timeoutMs: z.number().int().positive().optional(),
  startPeriodMs: z.number().int().nonnegative().optional(),
  retries: z.number().int().positive().optional(),
})
export type HealthCheck = z.infer<typeof HealthCheck>

/** One container to keep running. Immutable: a change is a new task with a new uid. */
export const TaskSpec = z.object({
  /** Uid of the Task object. */
  uid: z.string(),
  /** For people who look at the engine: `instance-service.slot`. */
  label: z.string(),
  /** Pinned: an image id (`sha256:…`) or a reference with a digest. Never a bare tag. */
  image: z.string(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  user: z.string().optional(),
  environment: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  healthCheck: HealthCheck.optional(),
  stopGracePeriodMs: z.number().int().nonnegative(),
  stopSignal: z.string().optional(),
  init: z.boolean().optional(),
  resources: z.object({
    memoryBytes: z.number().int().positive().optional(),
    /** 1 = one core. */
    cpus: z.number().positive().optional(),
    memoryReservationBytes: z.number().int().positive().optional(),
    cpusReservation: z.number().positive().optional(),
    pids: z.number().int().positive().optional(),
  }),
  networks: z.array(z.object({ uid: z.string(), aliases: z.array(z.string()) })),
  /** Folders of the node; `source` must exist when the task starts, else the engine tries again until it does. */
  mounts: z.array(
    z.object({
      source: z.string(),
      target: z.string(),
      readOnly: z.boolean(),
      /** 'rslave': what the host mounts below later appears inside while the task runs. */
      propagation: z.enum(['private', 'rslave']),
    }),
  ),
  /** Names the task resolves beside DNS: name to address. */
  hosts: z.record(z.string(), z.string()),
  /** The engine's own name of the node the task must run on; absent: the engine chooses. */
  engineNode: z.string().optional(),
})
export type TaskSpec = z.infer<typeof TaskSpec>

/**
 * - `pending`: accepted, nothing runs yet; `message` says why
 * - `starting`: a container runs and its health check has not passed yet
 * - `running`: runs, and is healthy where it has a health check
 * - `unhealthy`: runs, and its health check fails
 * - `exited`: no container runs; the engine will start another one (see `message`)
 */
export const TASK_STATES = ['pending', 'starting', 'running', 'unhealthy', 'exited'] as const

export const ObservedTask = z.object({
  uid: z.string(),
  state: z.enum(TASK_STATES),
  /** Why it is as it is, in the engine's words made readable; empty when running. */
  message: z.string(),
  /** Identity of the running container: changes with each start. A route holds for one incarnation only. */
  incarnation: z.string().optional(),
  containerId: z.string().optional(),
  /** ISO 8601, as the engine says. */
  startedAt: z.string().optional(),
  /** Address on the node's bridge, reachable from the node itself. */
  address: z.string().optional(),
  engineNode: z.string().optional(),
  exitCode: z.number().int().optional(),
  /** How many times the engine started it anew after it had ended; at least, where the engine forgets. */
  restarts: z.number().int().nonnegative(),
})
export type ObservedTask = z.infer<typeof ObservedTask>

/** `snapshot` first (all tasks of this installation), then changes; `gone` when a task's last trace has left the engine. */
export const TaskChange = z.discriminatedUnion('type', [
  z.object({ type: z.literal('snapshot'), tasks: z.array(ObservedTask) }),
  z.object({ type: z.literal('changed'), task: ObservedTask }),
  z.object({ type: z.literal('gone'), uid: z.string() }),
])
export type TaskChange = z.infer<typeof TaskChange>

export const LogLine = z.object({
  /** ISO 8601 with nanoseconds, as the engine says. */
  at: z.string(),
  source: z.enum(['stdout', 'stderr']),
  text: z.string(),
  uid: z.string(),
})
export type LogLine = z.infer<typeof LogLine>

export const LogsRequest = z.object({
  uid: z.string(),
  follow: z.boolean(),
  /** How many of the last lines to begin with. */
  tail: z.number().int().nonnegative(),
  /** ISO 8601: nothing older. */
  since: z.string().optional(),
})
export type LogsRequest = z.infer<typeof LogsRequest>

export const ResolvedImage = z.object({
  /** What TaskSpec.image takes: a digest reference where the image came from a registry, else its id. */
  pinned: z.string(),
  imageId: z.string(),
  /** `8080/tcp` and the like, from the image. */
  exposedPorts: z.array(z.string()),
  hasHealthCheck: z.boolean(),
  sizeBytes: z.number(),
})
export type ResolvedImage = z.infer<typeof ResolvedImage>

/**
 * Device class: runs tasks (one container each) somewhere in the cluster and says what became of them.
 * The engine restarts and moves a task; the kernel decides which tasks exist. Every method is safe to repeat.
 */
export interface OrchestratorPort extends DeviceLifecycle {
  /** Throws ResourceExhausted when the engine has no address range left. */
  ensureNetwork(input: NetworkSpec, signal: AbortSignal): Promise<Nothing>
  /** Makes the network absent. Throws FailedPrecondition while a task uses it. */
  removeNetwork(input: { uid: string }, signal: AbortSignal): Promise<Nothing>
  /** Networks of this installation, by uid. */
  listNetworks(input: Nothing, signal: AbortSignal): Promise<{ uids: string[] }>

  /**
   * Makes the task exist and returns as soon as the engine has accepted it; watchTasks tells what becomes of it.
   * Throws FailedPrecondition when a task of that uid exists with another spec or one of its networks does not exist,
   * InvalidArgument for what the engine refuses.
   */
  ensureTask(input: TaskSpec, signal: AbortSignal): Promise<Nothing>
  /** Ends the task (its stop signal, its grace period, then kill) and returns when nothing of it runs any more. */
  removeTask(input: { uid: string }, signal: AbortSignal): Promise<Nothing>
  listTasks(input: Nothing, signal: AbortSignal): Promise<{ tasks: ObservedTask[] }>
  /**
   * What becomes of tasks, as soon as the engine or the node knows. A container's end is told at once, and its last
   * lines in a further change. While the engine is away the stream goes on as long as it can still tell of ends, and
   * tells what changed when the engine is back; else it ends with Unavailable: whoever watches calls again.
   */
  watchTasks(input: Nothing, signal: AbortSignal): AsyncIterable<TaskChange>

  /**
   * The image a reference means now, fetched to this node when it is not there. Local images are found first, and
   * nothing outside is asked for those. Throws NotFound when neither this node nor its registry has it.
   */
  resolveImage(input: { reference: string }, signal: AbortSignal): Promise<ResolvedImage>
  /** Lines of all incarnations the engine still knows, oldest first. Throws NotFound for an unknown task. */
  logs(input: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine>
}

export const orchestratorContract: Contract<OrchestratorPort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  ensureNetwork: unary(NetworkSpec, Nothing),
  removeNetwork: unary(z.object({ uid: z.string() }), Nothing),
  listNetworks: unary(Nothing, z.object({ uids: z.array(z.string()) })),
  ensureTask: unary(TaskSpec, Nothing),
  removeTask: unary(z.object({ uid: z.string() }), Nothing),
  listTasks: unary(Nothing, z.object({ tasks: z.array(ObservedTask) })),
  watchTasks: streaming(Nothing, TaskChange),
  resolveImage: unary(z.object({ reference: z.string() }), ResolvedImage),
  logs: streaming(LogsRequest, LogLine),
}
