import { type Json, toJson } from '@polis/lib/json'
import type { Command } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import {
  AddDevice,
  CreateProject,
  RemoveDevice,
  RemoveNode,
  RemoveProject,
  SetNodeSchedulable,
} from '../documents/changes.ts'
import {
  DeviceFind,
  DeviceList,
  DriverFind,
  DriverList,
  NodeFind,
  NodeList,
  ProjectFind,
  ProjectList,
} from '../documents/platform.ts'
import { CreateJoinToken } from '../documents/sessions.ts'
import type { ResultOf } from '../graphql.ts'
import { toAge, toSize } from '../output/units.ts'
import type { Shell } from '../shell.ts'
import { addNamedChange } from './change-command.ts'
import { nodeState } from './installation.ts'
import { addLs, addShow, type Listing } from './listing.ts'
import { changing, collectPair, examples, parseCount } from './options.ts'

type Of<Document> =
  ResultOf<Document> extends {
    readonly page: { readonly nodes: readonly (infer Node)[] }
  }
    ? Node
    : never

const devices: Listing<Of<typeof DeviceList>> = {
  plural: 'devices',
  list: DeviceList,
  ifEmpty: 'no devices; install one with `polis device add DRIVER`',
  isInProject: false,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'CLASS', text: ({ spec }) => spec.class },
    { title: 'DRIVER', text: ({ spec }) => spec.driver },
    { title: 'NODE', text: ({ node }) => node?.name ?? '' },
    { title: 'STATE', text: ({ isReady }) => (isReady ? 'ready' : 'not ready') },
    { title: 'ENGINE', text: ({ status }) => status.engineVersion ?? '' },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const drivers: Listing<Of<typeof DriverList>> = {
  plural: 'drivers',
  list: DriverList,
  ifEmpty: 'no drivers: no agent has said yet what it offers',
  isInProject: false,
  columns: () => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'CLASS', text: ({ status }) => status.class ?? '' },
    { title: 'VERSION', text: ({ status }) => status.version ?? '' },
    { title: 'NODES', text: ({ nodes }) => nodes.map(({ name }) => name).join(', ') },
    { title: 'SUMMARY', text: ({ status }) => status.summary ?? '' },
  ],
}

const nodes: Listing<Of<typeof NodeList>> = {
  plural: 'nodes',
  list: NodeList,
  ifEmpty: 'no node has joined',
  isInProject: false,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'STATE', text: (node) => nodeState(node) },
    { title: 'OS', text: ({ status }) => status.facts?.os ?? '' },
    { title: 'CPUS', text: ({ status }) => String(status.facts?.cpus ?? '') },
    { title: 'MEMORY', text: ({ status }) => toSize(status.facts?.memoryBytes) },
    { title: 'DISK FREE', text: ({ status }) => toSize(status.facts?.diskAvailableBytes) },
    { title: 'ADDRESSES', text: ({ status }) => status.facts?.addresses.join(', ') ?? '' },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const projects: Listing<Of<typeof ProjectList>> = {
  plural: 'projects',
  list: ProjectList,
  ifEmpty: 'no project that you may see',
  isInProject: false,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

interface DeviceOptions extends ChangeOptions {
  readonly name?: string
  readonly on?: string
  readonly set: Readonly<Record<string, string>>
}

export function addDevice(program: Command, shell: Shell): void {
  const noun = program.command('device').description('What drivers have installed.')
  addLs(noun, shell, devices)
  addShow(noun, shell, devices, DeviceFind)
  const add = changing(noun.command('add'))
    .description('Install a device.')
    .argument('<driver>', 'the driver; see `polis driver ls`')
    .option('--name <name>', "its name; absent: the driver's")
    .option('--on <node>', 'the node; absent: the only one')
    .option(
      '--set <name=value>',
      'a parameter: JSON, or else text; may be repeated',
      collectPair,
      {},
    )
    .action((driver: string, options: DeviceOptions) =>
      shell.run(add, (session) => {
        const { name, on: node, set } = options
        const parameters = Object.fromEntries(
          Object.entries(set).map(([key, text]) => [key, toValue(text)]),
        )
        const input = {
          driver,
          parameters,
          ...(name === undefined ? {} : { name }),
          ...(node === undefined ? {} : { node }),
        }
        return change(session, AddDevice, input, options)
      }),
    )
  examples(
    add,
    'polis device add postgresql',
    'polis device add postgresql --name orders-db --set image=postgres:17',
  )
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Take a device away. Refused while something is on it.',
    document: RemoveDevice,
    isInProject: false,
    input: (name) => ({ name }),
  })
}

/** `5` is a number, `true` a truth value, `{"a":1}` an object; whatever is no JSON is text. */
function toValue(text: string): Json {
  try {
    return toJson(JSON.parse(text))
  } catch {
    return text
  }
}

export function addDriver(program: Command, shell: Shell): void {
  const noun = program.command('driver').description('Engines that agents can run.')
  addLs(noun, shell, drivers)
  addShow(noun, shell, drivers, DriverFind)
}

export function addNode(program: Command, shell: Shell): void {
  const noun = program.command('node').description('Servers.')
  addLs(noun, shell, nodes)
  addShow(noun, shell, nodes, NodeFind)
  const join = noun
    .command('join-token')
    .description('Make the text that lets a node enrol.')
    .option('--hours <count>', 'how long it holds', parseCount, 1)
    .option('--uses <count>', 'for how many nodes', parseCount, 1)
    .action((options: { readonly hours: number; readonly uses: number }) =>
      shell.run(join, async (session) => {
        const { hours, uses } = options
        const { made } = await (await session.client()).ask(CreateJoinToken, { hours, uses })
        session.printer.result(made, () => made.text)
      }),
    )
  examples(join, 'polis node join-token --hours 2')
  for (const isSchedulable of [false, true]) {
    addNamedChange(noun, shell, {
      name: isSchedulable ? 'uncordon' : 'cordon',
      description: isSchedulable
        ? 'Let new tasks come again.'
        : 'Let nothing new come; what runs stays.',
      document: SetNodeSchedulable,
      isInProject: false,
      input: (name) => ({ name, isSchedulable }),
    })
  }
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Take a node out of the installation.',
    document: RemoveNode,
    isInProject: false,
    input: (name) => ({ name }),
  })
}

export function addProject(program: Command, shell: Shell): void {
  const noun = program.command('project').description('Spaces of names and rights.')
  addLs(noun, shell, projects)
  addShow(noun, shell, projects, ProjectFind)
  addNamedChange(noun, shell, {
    name: 'create',
    description: 'Make a project.',
    document: CreateProject,
    isInProject: false,
    input: (name) => ({ name }),
  })
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Remove a project that is empty.',
    document: RemoveProject,
    isInProject: false,
    input: (name) => ({ name }),
  })
}
