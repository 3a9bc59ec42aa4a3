// What containerd knows of running containers, which it does while dockerd is down too.
import { connect } from 'node:net'
import { randomUUID } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import { timestampDate } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, createClient, type Client } from '@connectrpc/connect'
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { PolisError, type ErrorCode } from '@polis/lib/error'
import { TaskExitSchema } from './gen/containerd/events/task_pb.js'
import { Events, type Envelope } from './gen/containerd/services/events/v1/events_pb.js'
import { Tasks } from './gen/containerd/services/tasks/v1/tasks_pb.js'
import { Status } from './gen/containerd/v1/types/task_pb.js'

/** The containerd namespace in which dockerd keeps its containers. */
const DOCKER_NAMESPACE = 'moby'

export interface TaskExit {
  /** Docker's full container id. */
  readonly containerId: string
  /** Of its main process, on the node. */
  readonly pid: number
  readonly exitStatus: number
  readonly exitedAt: Date
}

export interface RunningTask {
  readonly containerId: string
  readonly pid: number
}

const CODES: Partial<Record<Code, ErrorCode>> = {
  [Code.PermissionDenied]: 'PermissionDenied',
  [Code.InvalidArgument]: 'InvalidArgument',
  [Code.NotFound]: 'NotFound',
  [Code.Unimplemented]: 'Unimplemented',
  [Code.ResourceExhausted]: 'ResourceExhausted',
}

function fromContainerdError(thrown: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (thrown instanceof PolisError) return thrown
  const code = CODES[ConnectError.from(thrown).code] ?? 'Unavailable'
  return new PolisError(code, 'containerd does not answer', { cause: thrown })
}

function openSession(socketPath: string): Http2SessionManager {
  const createConnection = (): ReturnType<typeof connect> => connect(socketPath)
  return new Http2SessionManager('http://containerd', {}, { createConnection })
}

const inNamespace = (name: string): Record<string, string> => ({ 'containerd-namespace': name })

/** Docker's containers whose main process runs now. Throws Unavailable when containerd does not serve. */
export async function listRunningTasks(
  socketPath: string,
  signal: AbortSignal,
): Promise<readonly RunningTask[]> {
  const sessionManager = openSession(socketPath)
  const transport = createGrpcTransport({ baseUrl: sessionManager.authority, sessionManager })
  try {
    const options = { headers: inNamespace(DOCKER_NAMESPACE), signal }
    const { tasks } = await createClient(Tasks, transport).list({}, options)
    const running = tasks.filter((task) => task.status === Status.RUNNING)
    return running.map((task) => ({ containerId: task.id, pid: task.pid }))
  } catch (error) {
    throw fromContainerdError(error, signal)
  } finally {
    sessionManager.abort()
  }
}

/** The exit that the envelope tells of, when it is of a container's main process. */
function findExit({ event }: Envelope): TaskExit | undefined {
  if (event === undefined || !event.typeUrl.endsWith('containerd.events.TaskExit')) return undefined
  const exit = fromBinary(TaskExitSchema, event.value)
  // Programs run by exec exit with an id of their own.
  if (exit.id !== exit.containerId) return undefined
  return {
    containerId: exit.containerId,
    pid: exit.pid,
    exitStatus: exit.exitStatus,
    exitedAt: exit.exitedAt === undefined ? new Date() : timestampDate(exit.exitedAt),
  }
}

/**
 * Exits of the main processes of Docker's containers, whether or not dockerd runs. The subscription stands when this
 * resolves, so what `listRunningTasks` shows afterwards is told when it ends.
 * The iteration never ends by itself: it throws Unavailable when containerd goes away (exits of that time are lost, so
 * list again after watching again), or the signal's reason.
 */
export async function watchExits(
  socketPath: string,
  signal: AbortSignal,
): Promise<AsyncIterable<TaskExit>> {
  const sessionManager = openSession(socketPath)
  const transport = createGrpcTransport({ baseUrl: sessionManager.authority, sessionManager })
  const client = createClient(Events, transport)
  signal.addEventListener('abort', () => sessionManager.abort(), { once: true })
  const topic = `/polis/watching/${randomUUID()}`
  const filters = [`namespace==${DOCKER_NAMESPACE},topic=="/tasks/exit"`, `topic=="${topic}"`]
  const envelopes = client.subscribe({ filters }, { signal })[Symbol.asyncIterator]()
  try {
    const early = await untilSubscribed(client, envelopes, topic, signal)
    return readExits(envelopes, early, sessionManager, signal)
  } catch (error) {
    sessionManager.abort()
    throw fromContainerdError(error, signal)
  }
}

const ECHO_MS = 100

/**
 * containerd does not say when a subscription stands; an event of our own that comes back does. Published until it
 * does, in a namespace where nobody else listens. Returns exits that came before it.
 */
async function untilSubscribed(
  client: Client<typeof Events>,
  envelopes: AsyncIterator<Envelope>,
  topic: string,
  signal: AbortSignal,
): Promise<readonly TaskExit[]> {
  const event = { typeUrl: 'google.protobuf.Empty', value: new Uint8Array() }
  const publish = (): Promise<unknown> =>
    client.publish({ topic, event }, { headers: inNamespace('polis'), signal })
  const failure = Promise.withResolvers<never>()
  const timer = setInterval(() => void publish().catch(failure.reject), ECHO_MS)
  const early: TaskExit[] = []
  try {
    publish().catch(failure.reject)
    for (;;) {
      const next = await Promise.race([envelopes.next(), failure.promise])
      if (next.done === true)
        throw new PolisError('Unavailable', 'containerd ended the subscription')
      if (next.value.topic === topic) return early
      const exit = findExit(next.value)
      if (exit !== undefined) early.push(exit)
    }
  } finally {
    clearInterval(timer)
  }
}

async function* readExits(
  envelopes: AsyncIterator<Envelope>,
  early: readonly TaskExit[],
  sessionManager: Http2SessionManager,
  signal: AbortSignal,
): AsyncGenerator<TaskExit> {
  try {
    yield* early
    for (;;) {
      const next = await envelopes.next()
      if (next.done === true)
        throw new PolisError('Unavailable', 'containerd ended the subscription')
      const exit = findExit(next.value)
      if (exit !== undefined) yield exit
    }
  } catch (error) {
    throw fromContainerdError(error, signal)
  } finally {
    sessionManager.abort()
  }
}
