import { kindNames } from '@polis/resources/registry'
import { type FakeWorld, root } from './fake-world.ts'

/** Everything that is not as it should be, for the message of a failed test. */
export async function describeWorld({ kernel, engine }: FakeWorld): Promise<string> {
  const reader = kernel.reader(root)
  const objects = kindNames.flatMap((kind) =>
    reader
      .list(kind)
      .filter(
        ({ status }) =>
          !status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      )
      .map(({ metadata, status }) => `${kind} ${metadata.name} ${JSON.stringify(status)}`),
  )
  const operations = (await kernel.listOperations(root, { limit: 20 }))
    .filter(({ status }) => status !== 'done')
    .map(
      ({ title, steps }) =>
        `${title}: ${steps.map((s) => `${s.key} ${s.status} ${s.message}`).join(', ')}`,
    )
  return [...operations, ...objects, JSON.stringify(engine.observed())].join('\n')
}
