import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import type { DockerClient } from './client.ts'

const Event = z
  .object({
    Type: z.string(),
    Action: z.string(),
    Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
    time: z.number(),
  })
  .transform((event) => ({
    /** container, image, network, node, secret, service, volume … */
    type: event.Type,
    /** create, start, die, `health_status: healthy` … */
    action: event.Action,
    id: event.Actor.ID,
    /** The object's name, labels and, for `die`, exitCode. */
    attributes: event.Actor.Attributes ?? {},
    /** Whole seconds. */
    at: new Date(event.time * 1000),
  }))

export type DockerEvent = z.infer<typeof Event>

export interface EventFilter {
  readonly types?: readonly string[]
  readonly actions?: readonly string[]
  /** `name=value` or `name`. */
  readonly labels?: readonly string[]
}

/**
 * Events from now on: what happens after this resolved is told, so listing after it misses nothing.
 * The iteration throws Unavailable when the engine goes away; events of the time between are lost, so list again.
 */
export async function watchEvents(
  docker: DockerClient,
  filter: EventFilter,
  signal: AbortSignal,
): Promise<AsyncIterable<DockerEvent>> {
  const filters = {
    ...(filter.types === undefined ? {} : { type: filter.types }),
    ...(filter.actions === undefined ? {} : { event: filter.actions }),
    ...(filter.labels === undefined ? {} : { label: filter.labels }),
  }
  return untilGone(await docker.lines('GET', '/events', { filters, schema: Event, signal }))
}

/** An engine that is told to stop ends the stream as if all had been said. */
async function* untilGone(events: AsyncIterable<DockerEvent>): AsyncGenerator<DockerEvent> {
  yield* events
  throw new PolisError('Unavailable', 'Docker stopped telling events')
}
