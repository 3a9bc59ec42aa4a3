import type { Command } from 'commander'
import { ImageFind, ImageList, TaskFind, TaskList } from '../documents/workloads.ts'
import type { ResultOf } from '../graphql.ts'
import { toAge, toSize } from '../output/units.ts'
import type { Shell } from '../shell.ts'
import { addLs, addShow, type Listing } from './listing.ts'

type Image = ResultOf<typeof ImageList>['page']['nodes'][number]
type Task = ResultOf<typeof TaskList>['page']['nodes'][number]

const images: Listing<Image> = {
  plural: 'images',
  list: ImageList,
  ifEmpty: 'no images',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'FROM', text: ({ spec }) => sourceText(spec.source) },
    { title: 'STATE', text: ({ isReady }) => (isReady ? 'ready' : 'not ready') },
    { title: 'SIZE', text: ({ status }) => toSize(status.sizeBytes) },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const tasks: Listing<Task> = {
  plural: 'tasks',
  list: TaskList,
  ifEmpty: 'no tasks',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    {
      title: 'SERVICE',
      text: ({ service }) =>
        `${service?.instance?.name ?? '?'}/${service?.spec.serviceName ?? '?'}`,
    },
    { title: 'STATE', text: ({ status }) => status.state },
    { title: 'NODE', text: ({ node }) => node?.name ?? '' },
    { title: 'UP', text: ({ status }) => toAge(status.startedAt, now) },
    { title: 'RESTARTS', text: ({ status }) => String(status.restarts) },
    { title: 'MESSAGE', text: ({ status }) => (status.state === 'running' ? '' : status.message) },
  ],
}

export function addWorkloads(program: Command, shell: Shell): void {
  const image = program.command('image').description('What services are started from.')
  addLs(image, shell, images)
  addShow(image, shell, images, ImageFind)
  const task = program.command('task').description('Containers of services.')
  addLs(task, shell, tasks)
  addShow(task, shell, tasks, TaskFind)
}

function sourceText(source: Image['spec']['source']): string {
  return source.__typename === 'FetchedImage' ? source.reference : `build ${source.contextPath}`
}
