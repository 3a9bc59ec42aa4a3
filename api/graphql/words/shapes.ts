import { Operation, OperationStep, ProblemShape } from '@polis/kernel/operation'
import { NodeFacts } from '@polis/resources/node'
import { Condition } from '@polis/resources/object'
import { ProjectSpec } from '@polis/resources/project'
import { RevisionSpec } from '@polis/resources/revision'
import { HealthCheck, ServiceSpec, TaskTemplate } from '@polis/resources/service'
import { z } from 'zod'
import { ELSEWHERE, type Shape, shape } from './shape.ts'
import { unionShapes } from './unions.ts'

/** A problem as every surface shows it; operations keep it without its place in a text. */
const FullProblem = ProblemShape.extend({
  file: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
})

/** Parts of specs and statuses that are objects of their own. */
export const shapes: readonly Shape[] = [
  shape('Condition', Condition, 'One thing that is or is not true of an object.', {
    type: 'What is spoken of: `Ready`, `Routed`, …',
    status: 'Whether it holds.',
    reason: 'Why, as one CamelCase word for programs.',
    message: 'Why, for people.',
    remedy: 'What a person can do about it, when there is something.',
    since: 'When `status` last became what it is.',
  }),
  shape('NodeFacts', NodeFacts, 'What a node says of itself.', {
    hostName: 'Its own name.',
    os: 'Its distribution and version.',
    kernelRelease: 'Release of its Linux kernel.',
    architecture: 'Its processor: `x64`, `arm64`.',
    cpus: 'How many processors it has.',
    memoryBytes: 'How much memory it has.',
    memoryAvailableBytes: 'How much memory was free to use when it reported.',
    diskBytes: 'Size of the file system that Polis keeps its data on.',
    diskAvailableBytes: 'How much of that was free when it reported.',
    addresses: 'Its network addresses.',
    agentVersion: 'Version of the agent.',
    bootId: 'Changes with every boot.',
    reportedAt: 'When it said so, by its own clock.',
  }),
  shape('ProjectQuotas', ProjectSpec.shape.quotas, 'Limits of a project; absent: none.', {
    maxTasks: 'How many tasks it may have.',
    maxDatabases: 'How many databases it may have.',
    maxVolumes: 'How many volumes it may have.',
  }),
  shape('ComposeFile', RevisionSpec.shape.files.element, 'One Compose file as it was given.', {
    path: 'Its name, relative to the folder that was deployed.',
    text: 'Its content.',
  }),
  shape('TaskTemplate', TaskTemplate, 'All that a task is started from.', {
    image: 'Its image, pinned: an id, or a reference with a digest.',
    command: "Arguments instead of the image's own.",
    entrypoint: "Program instead of the image's own.",
    workingDir: 'Folder it starts in.',
    user: 'User it runs as.',
    init: 'Whether a small init reaps its children.',
    stopSignal: 'Signal that asks it to end.',
    stopGracePeriodMs: 'How long it may take to end before it is killed, in milliseconds.',
    environment: 'Environment variables as written.',
    environmentFrom: ELSEWHERE,
    labels: 'Labels of the Compose file.',
    healthCheck: 'How its health is found out; absent: as the image says.',
    resources: 'What it may use and what is kept free for it.',
    mounts: "Volumes at paths of the container's own.",
    restartToken: 'Changes when a restart is asked for.',
    aliases: "Names on the instance's network.",
  }),
  shape('HealthCheck', HealthCheck, 'A command that tells whether a task is healthy.', {
    test: 'As in an image: `["CMD", …]`, `["CMD-SHELL", …]` or `["NONE"]`.',
    intervalMs: 'Time between two checks, in milliseconds.',
    timeoutMs: 'How long a check may take, in milliseconds.',
    startPeriodMs: 'How long failures do not count after the start, in milliseconds.',
    retries: 'How many failures in a row make it unhealthy.',
  }),
  shape('TaskResources', TaskTemplate.shape.resources, 'Limits and reservations; absent: none.', {
    memoryBytes: 'Most memory it may use.',
    cpus: 'Most processors it may use.',
    memoryReservationBytes: 'Memory kept free for it.',
    cpusReservation: 'Processors kept free for it.',
    pids: 'Most processes it may have.',
  }),
  shape('VolumeMount', TaskTemplate.shape.mounts.element, 'A volume at a path of a container.', {
    volumeUid: 'The volume.',
    target: 'The path.',
    isReadOnly: 'Whether it cannot be written to.',
  }),
  shape('Dependency', ServiceSpec.shape.dependsOn.element, 'A service that must be there first.', {
    serviceName: 'Its Compose name.',
    condition: 'What must be true of it.',
  }),
  shape('Operation', Operation, 'One asked-for change: its plan, its steps, its outcome.', {
    id: 'Its identifier.',
    requestId: 'The request that asked for it; found in every log line, RPC and event it caused.',
    verb: 'Type of the request: `deploy`, `attach`, …',
    title: 'For people: "Deploy shop".',
    projectUid: 'The project it is about.',
    targetUid: 'The object it is about.',
    actor: 'Who asked.',
    status: 'How it stands.',
    steps: 'What has to come true, in the order in which it will be seen.',
    warnings: 'What the caller should know; it was carried out all the same.',
    error: 'Why it failed.',
    result: 'Facts for the caller, such as `url` or `port`; never secrets.',
    startedAt: 'When it was asked for.',
    endedAt: 'When it ended.',
  }),
  shape('OperationStep', OperationStep, 'One thing that has to come true.', {
    key: 'Stable within the operation: `image/web`, `task/web`, `route/shop.example`.',
    title: 'For people: "Build image web".',
    status: 'How it stands.',
    message: 'What it waits for or why it failed, in words.',
    startedAt: 'When work on it began.',
    endedAt: 'When it ended.',
  }),
  shape('OperationActor', Operation.shape.actor, 'Who asked for an operation.', {
    userUid: 'The user; absent: Polis itself.',
    name: 'Name of the user or part.',
  }),
  {
    ...shape('Problem', FullProblem, 'One thing that is wrong.', {
      code: 'What sort of error it is.',
      path: 'Where: a key path of the input, a file position, or nothing.',
      message: 'What is wrong, for people.',
      hint: 'What to do about it.',
      file: 'The file that `path` stands in.',
      line: 'Line of that file, from 1.',
      column: 'Column of that line, from 1.',
    }),
    also: [ProblemShape],
  },
  ...unionShapes,
]
