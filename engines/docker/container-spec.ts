// What a plain container is to be, and how the engine is told.
export interface ContainerMount {
  readonly type: 'bind' | 'volume'
  /** A path on the node, or a volume's name. */
  readonly source: string
  readonly target: string
  readonly isReadOnly?: boolean
  /** Bind only. `rslave` lets mounts made later under `source` on the node appear inside. */
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared'
}

export interface PublishedPort {
  readonly containerPort: number
  readonly hostAddress: string
  /** 0 takes any free one. */
  readonly hostPort: number
  readonly protocol?: 'tcp' | 'udp'
}

export interface ContainerSpec {
  /** An image id, or a reference the engine has: nothing is pulled. */
  readonly image: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly user?: string
  readonly hostname?: string
  /** `bridge` (default), `host`, `none`, or a network's name. */
  readonly network?: string
  readonly restart?: 'no' | 'always' | 'unless-stopped'
  readonly mounts?: readonly ContainerMount[]
  readonly tmpfs?: Readonly<Record<string, string>>
  readonly publish?: readonly PublishedPort[]
  readonly memoryBytes?: number
  readonly nanoCpus?: number
  readonly shmBytes?: number
  readonly capabilities?: readonly string[]
  readonly stopSignal?: string
  readonly stopTimeoutSeconds?: number
}

/** The spec as POST /containers/create takes it. */
export function toCreateBody(
  spec: ContainerSpec,
  labels: Readonly<Record<string, string>>,
): unknown {
  const portKey = (port: PublishedPort): string => `${port.containerPort}/${port.protocol ?? 'tcp'}`
  const publish = spec.publish ?? []
  return {
    Image: spec.image,
    Entrypoint: spec.entrypoint,
    Cmd: spec.command,
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    Labels: labels,
    User: spec.user,
    Hostname: spec.hostname,
    StopSignal: spec.stopSignal,
    StopTimeout: spec.stopTimeoutSeconds,
    ExposedPorts: Object.fromEntries(publish.map((port) => [portKey(port), {}])),
    HostConfig: {
      NetworkMode: spec.network ?? 'bridge',
      RestartPolicy: { Name: spec.restart ?? 'no' },
      Memory: spec.memoryBytes,
      NanoCpus: spec.nanoCpus,
      ShmSize: spec.shmBytes,
      CapAdd: spec.capabilities,
      Tmpfs: spec.tmpfs,
      Mounts: (spec.mounts ?? []).map((mount) => ({
        Type: mount.type,
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.isReadOnly ?? false,
        ...(mount.type === 'bind'
          ? { BindOptions: { Propagation: mount.propagation ?? 'rprivate' } }
          : {}),
      })),
      PortBindings: Object.fromEntries(
        [...Map.groupBy(publish, portKey)].map(([key, ports]) => [
          key,
          ports.map((port) => ({ HostIp: port.hostAddress, HostPort: String(port.hostPort) })),
        ]),
      ),
    },
  }
}
