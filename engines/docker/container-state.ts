import { z } from 'zod'

/** Parses GET /containers/ID/json. */
export const ContainerState = z
  .object({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    RestartCount: z.number(),
    State: z.object({
      Status: z.string(),
      Running: z.boolean(),
      Pid: z.number(),
      ExitCode: z.number(),
      OOMKilled: z.boolean(),
      Error: z.string(),
      StartedAt: z.string(),
      FinishedAt: z.string(),
      Health: z.object({ Status: z.string() }).optional(),
    }),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullable() }),
    NetworkSettings: z.object({
      Networks: z.record(z.string(), z.object({ IPAddress: z.string() })),
      Ports: z
        .record(
          z.string(),
          z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable(),
        )
        .nullish(),
    }),
  })
  .transform((found) => ({
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    imageId: found.Image,
    labels: found.Config.Labels ?? {},
    restartCount: found.RestartCount,
    /** created, running, paused, restarting, removing, exited or dead. */
    status: found.State.Status,
    isRunning: found.State.Running,
    /** 0 when it does not run. */
    pid: found.State.Pid,
    exitCode: found.State.ExitCode,
    wasOutOfMemory: found.State.OOMKilled,
    /** Why it could not start; empty otherwise. */
    failure: found.State.Error,
    startedAt: new Date(found.State.StartedAt),
    finishedAt: new Date(found.State.FinishedAt),
    /** starting, healthy, unhealthy; undefined without a health check. */
    health: found.State.Health?.Status === 'none' ? undefined : found.State.Health?.Status,
    /** By network name; the empty string while it does not run. */
    addresses: Object.fromEntries(
      Object.entries(found.NetworkSettings.Networks).map(([name, { IPAddress }]) => [
        name,
        IPAddress,
      ]),
    ),
    /** By `80/tcp`. */
    published: Object.fromEntries(
      Object.entries(found.NetworkSettings.Ports ?? {}).map(([port, bindings]) => [
        port,
        (bindings ?? []).map((b) => ({ hostAddress: b.HostIp, hostPort: Number(b.HostPort) })),
      ]),
    ),
  }))

/** A container as the engine sees it now. */
export type Container = z.infer<typeof ContainerState>
