// Plain bridges: what device containers hang on. Overlays are Swarm's.
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { dockerPath, type DockerClient } from './client.ts'

const Ipam = z.object({
  Config: z
    .array(z.object({ Subnet: z.string().optional(), Gateway: z.string().optional() }))
    .nullish(),
})

const Inspected = z
  .object({
    IPAM: Ipam,
    Id: z.string(),
    Driver: z.string(),
    Labels: z.record(z.string(), z.string()).nullish(),
  })
  .transform((found) => ({
    id: found.Id,
    driver: found.Driver,
    labels: found.Labels ?? {},
    /** `172.18.0.0/16` */
    subnet: found.IPAM.Config?.[0]?.Subnet,
    /** The node's own address on it. */
    gateway: found.IPAM.Config?.[0]?.Gateway,
  }))

export type Network = z.infer<typeof Inspected>

/** Addresses of a network. */
export interface NetworkPlace {
  readonly subnet: string
  readonly gateway: string
}

const toIpam = ({ subnet, gateway }: NetworkPlace) => ({ Subnet: subnet, Gateway: gateway })

const Created = z.object({ Id: z.string() })

async function findNetwork(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<Network | undefined> {
  try {
    const path = dockerPath`/networks/${name}`
    return await docker.request('GET', path, { schema: Inspected, signal })
  } catch (error) {
    if (error instanceof PolisError && error.code === 'NotFound') return undefined
    throw error
  }
}

/**
 * Makes the bridge network `name`; safe to repeat. Its containers reach the outside and are reached from this node, but not
 * from each other. One of that name without all labels of `owner` belongs to someone else: AlreadyExists. A new one gets
 * `place` if that is given and free, else whatever the engine chooses.
 */
export async function ensureBridge(
  docker: DockerClient,
  name: string,
  owner: Readonly<Record<string, string>>,
  signal: AbortSignal,
  place?: NetworkPlace,
): Promise<Network> {
  const found = await findNetwork(docker, name, signal)
  if (found === undefined) {
    const json = {
      Name: name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Labels: owner,
      Options: { 'com.docker.network.bridge.enable_icc': 'false' },
      ...(place === undefined ? {} : { IPAM: { Config: [toIpam(place)] } }),
    }
    try {
      await docker.request('POST', '/networks/create', { json, schema: Created, signal })
    } catch (error) {
      const isTaken = error instanceof PolisError && error.code === 'AlreadyExists'
      if (!isTaken && place === undefined) throw error
    }
    return ensureBridge(docker, name, owner, signal)
  }
  const isOurs = Object.entries(owner).every(([label, value]) => found.labels[label] === value)
  if (isOurs) return found
  throw new PolisError('AlreadyExists', `network ${name} is someone else's`, { path: name })
}

/** Safe to repeat. FailedPrecondition while a container is on it. */
export async function removeNetwork(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await docker.send('DELETE', dockerPath`/networks/${name}`, { signal })
  } catch (error) {
    if (!(error instanceof PolisError) || error.code !== 'NotFound') throw error
  }
}
