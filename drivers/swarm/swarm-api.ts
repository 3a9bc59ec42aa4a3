// The Engine API's Swarm calls, narrowed to what belongs to one installation.
import { type DockerClient, dockerPath } from '@polis/engine-docker/client'
import { z } from 'zod'
import {
  EngineNetwork,
  EngineNode,
  InspectedContainer,
  ListedContainer,
  SwarmNode,
  SwarmService,
  SwarmTask,
} from './engine-types.ts'
import { fromSwarmError, hasCode } from './errors.ts'
import { INSTALLATION_LABEL, nameOf, TASK_LABEL } from './labels.ts'

export class SwarmApi {
  readonly docker: DockerClient
  readonly installationUid: string

  constructor(docker: DockerClient, installationUid: string) {
    this.docker = docker
    this.installationUid = installationUid
  }

  node(signal: AbortSignal): Promise<EngineNode> {
    return this.#get('/info', EngineNode, undefined, signal)
  }

  /** All nodes of the swarm. */
  swarmNodes(signal: AbortSignal): Promise<readonly SwarmNode[]> {
    return this.#get('/nodes', z.array(SwarmNode), undefined, signal)
  }

  isOurs(labels: Readonly<Record<string, string>> | null | undefined): boolean {
    return labels?.[INSTALLATION_LABEL] === this.installationUid
  }

  /** Services of this installation, or only the one of a task. */
  async services(uid: string | undefined, signal: AbortSignal): Promise<readonly SwarmService[]> {
    return this.#get('/services', z.array(SwarmService), { label: this.#labels(uid) }, signal)
  }

  /** By its exact name, whoever's it is. */
  async findService(name: string, signal: AbortSignal): Promise<SwarmService | undefined> {
    return this.#find(dockerPath`/services/${name}`, SwarmService, signal)
  }

  /** Throws AlreadyExists when there is a service of that name. */
  createService(spec: object, signal: AbortSignal): Promise<void> {
    return this.#send('POST', '/services/create', { json: spec, signal })
  }

  /** Safe to repeat. */
  removeService(id: string, signal: AbortSignal): Promise<void> {
    return this.#remove(dockerPath`/services/${id}`, signal)
  }

  /** Swarm's tasks, past ones too as long as Swarm keeps them. */
  async tasks(uid: string | undefined, signal: AbortSignal): Promise<readonly SwarmTask[]> {
    return this.#get('/tasks', z.array(SwarmTask), { label: this.#labels(uid) }, signal)
  }

  /** Containers on this node, in any state. */
  async containers(
    uid: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly ListedContainer[]> {
    const filters = { label: this.#labels(uid) }
    const options = { query: { all: true }, filters, schema: z.array(ListedContainer), signal }
    return this.docker.request('GET', '/containers/json', options)
  }

  async findContainer(id: string, signal: AbortSignal): Promise<InspectedContainer | undefined> {
    return this.#find(dockerPath`/containers/${id}/json`, InspectedContainer, signal)
  }

  /** All networks of the engine, others' too. */
  networks(signal: AbortSignal): Promise<readonly EngineNetwork[]> {
    return this.#get('/networks', z.array(EngineNetwork), undefined, signal)
  }

  /** With its endpoints on this node. */
  async findNetwork(name: string, signal: AbortSignal): Promise<EngineNetwork | undefined> {
    return this.#find(dockerPath`/networks/${name}`, EngineNetwork, signal)
  }

  createNetwork(spec: object, signal: AbortSignal): Promise<void> {
    return this.#send('POST', '/networks/create', { json: spec, signal })
  }

  /** Safe to repeat. Throws FailedPrecondition while it is in use. */
  removeNetwork(id: string, signal: AbortSignal): Promise<void> {
    return this.#remove(dockerPath`/networks/${id}`, signal)
  }

  initSwarm(spec: object, signal: AbortSignal): Promise<void> {
    return this.#send('POST', '/swarm/init', { json: spec, signal })
  }

  leaveSwarm(signal: AbortSignal): Promise<void> {
    return this.#send('POST', '/swarm/leave', { query: { force: true }, signal })
  }

  /** Names of services that other people, or other installations, run here. */
  async foreignServices(signal: AbortSignal): Promise<readonly string[]> {
    const all = await this.#get('/services', z.array(SwarmService), undefined, signal)
    return all.filter(({ Spec }) => !this.isOurs(Spec.Labels)).map(({ Spec }) => Spec.Name)
  }

  #labels(uid: string | undefined): string[] {
    const ours = `${INSTALLATION_LABEL}=${this.installationUid}`
    // The key alone: other drivers of the installation make things that are no tasks.
    return uid === undefined ? [ours, TASK_LABEL] : [ours, `${TASK_LABEL}=${uid}`]
  }

  async #get<T>(
    path: string,
    schema: z.ZodType<T>,
    filters: Readonly<Record<string, readonly string[]>> | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    const options = filters === undefined ? { schema, signal } : { schema, signal, filters }
    try {
      return await this.docker.request('GET', path, options)
    } catch (error) {
      throw fromSwarmError(error)
    }
  }

  async #find<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#get(path, schema, undefined, signal)
    } catch (error) {
      if (hasCode(error, 'NotFound')) return undefined
      throw error
    }
  }

  async #send(
    method: 'POST' | 'DELETE',
    path: string,
    options: Parameters<DockerClient['send']>[2],
  ): Promise<void> {
    try {
      await this.docker.send(method, path, options)
    } catch (error) {
      throw fromSwarmError(error)
    }
  }

  async #remove(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#send('DELETE', path, { signal })
    } catch (error) {
      if (!hasCode(error, 'NotFound')) throw error
    }
  }
}

/** Path of a task's logs, all its containers together, wherever they run. */
export const logsPath = (uid: string): string => dockerPath`/services/${nameOf(uid)}/logs`
