import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideRollout, type RolloutMove } from './rollout.ts'
import { SimulatedService, type TaskSketch, toService, toTask } from './rollout.fixture.ts'

const serving = (slot: number, version = 'new'): TaskSketch => ({ slot, version })
const starting = (slot: number, version = 'new'): TaskSketch => ({
  slot,
  version,
  state: 'starting',
  isRouted: false,
})
const leaving = (slot: number, version = 'old'): TaskSketch => ({ slot, version, isLeaving: true })

interface Situation {
  readonly name: string
  readonly replicas: number
  readonly order?: 'start-first' | 'stop-first'
  readonly tasks: readonly TaskSketch[]
  readonly moves: readonly string[]
  readonly converged?: boolean
}

const SITUATIONS: readonly Situation[] = [
  {
    name: 'the first roll-out starts all slots',
    replicas: 3,
    tasks: [],
    moves: ['+1', '+2', '+3'],
  },
  {
    name: 'what starts is waited for',
    replicas: 2,
    tasks: [starting(1), starting(2)],
    moves: [],
  },
  {
    name: 'all serve',
    replicas: 2,
    tasks: [serving(1), serving(2)],
    moves: [],
    converged: true,
  },
  {
    name: 'a task that runs and is not routed does not count yet',
    replicas: 1,
    tasks: [{ slot: 1, version: 'new', isRouted: false }],
    moves: [],
  },
  {
    name: 'a scale-up starts what is missing, all at once',
    replicas: 4,
    tasks: [serving(1), serving(2)],
    moves: ['+3', '+4'],
  },
  {
    name: 'a scale-down ends the highest slots',
    replicas: 1,
    tasks: [serving(1), serving(2), serving(3)],
    moves: ['-2-new-1', '-3-new-1'],
  },
  {
    name: 'a scale-down is over when the tasks are gone',
    replicas: 1,
    tasks: [serving(1), leaving(2, 'new')],
    moves: [],
  },
  {
    name: 'to nothing',
    replicas: 0,
    tasks: [serving(1)],
    moves: ['-1-new-1'],
  },
  { name: 'nothing, and nothing wanted', replicas: 0, tasks: [], moves: [], converged: true },
  {
    name: 'an update begins beside the old task of one slot',
    replicas: 3,
    tasks: [serving(1, 'old'), serving(2, 'old'), serving(3, 'old')],
    moves: ['+1'],
  },
  {
    name: 'the old task stays until the new one serves',
    replicas: 2,
    tasks: [serving(1, 'old'), starting(1), serving(2, 'old')],
    moves: [],
  },
  {
    name: 'then it goes, and the next slot is begun',
    replicas: 2,
    tasks: [serving(1, 'old'), serving(1), serving(2, 'old')],
    moves: ['-1-old-1', '+2'],
  },
  {
    name: 'an update is over when the old tasks are gone',
    replicas: 1,
    tasks: [leaving(1), serving(1)],
    moves: [],
  },
  {
    name: 'stop-first: the old task of one slot goes first',
    replicas: 3,
    order: 'stop-first',
    tasks: [serving(1, 'old'), serving(2, 'old'), serving(3, 'old')],
    moves: ['-1-old-1'],
  },
  {
    name: 'stop-first: nothing else is touched while it goes',
    replicas: 3,
    order: 'stop-first',
    tasks: [leaving(1), serving(2, 'old'), serving(3, 'old')],
    moves: [],
  },
  {
    name: 'stop-first: the new one comes when it is gone',
    replicas: 3,
    order: 'stop-first',
    tasks: [serving(2, 'old'), serving(3, 'old')],
    moves: ['+1'],
  },
  {
    name: 'stop-first: the next slot waits until the new one serves',
    replicas: 3,
    order: 'stop-first',
    tasks: [starting(1), serving(2, 'old'), serving(3, 'old')],
    moves: [],
  },
  {
    name: 'stop-first: then it is its turn',
    replicas: 3,
    order: 'stop-first',
    tasks: [serving(1), serving(2, 'old'), serving(3, 'old')],
    moves: ['-2-old-1'],
  },
  {
    name: 'a version overtaken before it served goes, what serves stays',
    replicas: 1,
    tasks: [serving(1, 'old'), { ...starting(1, 'middle'), number: 2 }],
    moves: ['-1-middle-2', '+1'],
  },
  {
    name: 'going back to what still serves only ends the try',
    replicas: 2,
    tasks: [serving(1), { ...starting(1, 'broken'), number: 2 }, serving(2)],
    moves: ['-1-broken-2'],
  },
  {
    name: 'a scale-up waits for the try of a new version',
    replicas: 3,
    tasks: [serving(1, 'old'), starting(1), serving(2, 'old')],
    moves: [],
  },
]

describe('what is done next', () => {
  test.each(SITUATIONS)('$name', ({ replicas, order, tasks, moves, converged }) => {
    const decision = decideRollout({
      service: toService(replicas, order ?? 'start-first'),
      tasks: tasks.map(toTask),
      templateHash: 'new',
      isRouted: true,
    })
    expect(decision.moves.map(inShort)).toEqual(moves)
    expect(decision.isConverged).toBe(converged ?? false)
    expect(decision.failure).toBeUndefined()
  })

  test('a service that nobody is sent to is there when it runs', () => {
    const tasks = [toTask({ slot: 1, version: 'new', isRouted: false })]
    const service = toService(1, 'start-first')
    const decision = decideRollout({ service, tasks, templateHash: 'new', isRouted: false })
    expect(decision).toMatchObject({ isConverged: true, moves: [] })
  })

  test('a route to an incarnation that is gone does not count', () => {
    const task = toTask(serving(1))
    const stale = { ...task, status: { ...task.status, routedIncarnation: 'the one before' } }
    const service = toService(1, 'start-first')
    const input = { service, tasks: [stale], templateHash: 'new', isRouted: true }
    expect(decideRollout(input).isConverged).toBe(false)
  })
})

describe('a version that cannot be brought up', () => {
  const failureOf = (...tasks: readonly TaskSketch[]): string | undefined =>
    decideRollout({
      service: toService(1, 'start-first'),
      tasks: tasks.map(toTask),
      templateHash: 'new',
      isRouted: true,
    }).failure

  test.each<[string, TaskSketch]>([
    ['unhealthy', { slot: 1, version: 'new', state: 'unhealthy' }],
    ['exited for the third time', { slot: 1, version: 'new', state: 'exited', restarts: 3 }],
  ])('is one that is %s', (_, task) => {
    expect(failureOf(task)).toBe(`1-new-1: it is ${task.state}`)
  })

  test.each<[string, TaskSketch]>([
    ['starting', starting(1)],
    ['trying again', { slot: 1, version: 'new', state: 'exited', restarts: 2 }],
    ['running after restarts', { slot: 1, version: 'new', restarts: 9 }],
    ['an old one', { slot: 1, version: 'old', state: 'unhealthy' }],
    ['going', { slot: 1, version: 'new', state: 'unhealthy', isLeaving: true }],
  ])('is none that is %s', (_, task) => {
    expect(failureOf(task)).toBeUndefined()
  })
})

const order = fc.constantFrom('start-first', 'stop-first')
const replicas = fc.integer({ min: 1, max: 4 })
const pick = fc.nat(20)
const turn = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reconcile'), pick }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('progress'), pick }) },
)
const upheaval = fc.oneof(
  { weight: 10, arbitrary: turn },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deploy'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('scale'), pick }) },
)
type Turn = { readonly do: string; readonly pick: number }

function play(world: SimulatedService, { do: what, pick: picked }: Turn): void {
  if (what === 'reconcile') world.reconcile()
  else if (what === 'progress') world.progress(picked)
  else if (what === 'crash') world.crash(picked)
  else if (what === 'deploy') world.version = `v${1 + (picked % 4)}`
  else world.replicas = picked % 5
}

describe('in every order in which the world may move', () => {
  test('an update from start-first never takes away what serves, whether the new version comes up or not', () => {
    fc.assert(
      fc.property(replicas, fc.boolean(), fc.array(turn), (count, isBroken, turns) => {
        const world = new SimulatedService(count, 'start-first', new Set(isBroken ? ['v2'] : []))
        expect(world.settle()).toBe(true)
        world.version = 'v2'
        for (const next of turns) {
          play(world, next)
          expect(world.servingSlots().size).toBe(count)
        }
      }),
    )
  })

  test('an update from stop-first costs one slot at a time, whether the new version comes up or not', () => {
    fc.assert(
      fc.property(replicas, fc.boolean(), fc.array(turn), (count, isBroken, turns) => {
        const world = new SimulatedService(count, 'stop-first', new Set(isBroken ? ['v2'] : []))
        expect(world.settle()).toBe(true)
        world.version = 'v2'
        for (const next of turns) {
          play(world, next)
          expect(world.servingSlots().size).toBeGreaterThanOrEqual(count - 1)
        }
      }),
    )
  })

  test('stop-first never has two tasks in a slot, those that are going among them', () => {
    fc.assert(
      fc.property(replicas, fc.array(upheaval, { maxLength: 200 }), (count, turns) => {
        const world = new SimulatedService(count, 'stop-first')
        for (const next of turns) {
          play(world, next)
          const slots = world.tasks.map(({ slot }) => slot)
          expect(new Set(slots).size).toBe(slots.length)
        }
      }),
    )
  })

  test('start-first never ends the only task that serves in a slot that is wanted', () => {
    fc.assert(
      fc.property(replicas, fc.array(upheaval, { maxLength: 200 }), (count, turns) => {
        const world = new SimulatedService(count, 'start-first')
        for (const next of turns) {
          play(world, next)
          const before = world.servingSlots()
          world.reconcile()
          expect(world.servingSlots()).toEqual(before)
        }
      }),
    )
  })

  test('at most two tasks of a slot stay at a time', () => {
    fc.assert(
      fc.property(order, replicas, fc.array(upheaval, { maxLength: 200 }), (by, count, turns) => {
        const world = new SimulatedService(count, by)
        for (const next of turns) {
          play(world, next)
          world.reconcile()
          const staying = world.tasks.filter(({ isLeaving }) => !isLeaving)
          for (let slot = 1; slot <= 4; slot += 1)
            expect(staying.filter((task) => task.slot === slot).length).toBeLessThanOrEqual(2)
        }
      }),
    )
  })

  test('once it is calm, the service becomes what its spec says, and is left alone', () => {
    fc.assert(
      fc.property(order, replicas, fc.array(upheaval, { maxLength: 200 }), (by, count, turns) => {
        const world = new SimulatedService(count, by)
        for (const next of turns) play(world, next)
        expect(world.settle()).toBe(true)
        expect(world.decide()).toEqual({ moves: [], isConverged: true, failure: undefined })
        const held = world.tasks.map(({ slot, version }) => `${slot} ${version}`)
        const wanted = Array.from({ length: world.replicas }, (_, n) => `${n + 1} ${world.version}`)
        expect(held.toSorted()).toEqual(wanted)
      }),
    )
  })

  test('converged is said of nothing less', () => {
    fc.assert(
      fc.property(order, replicas, fc.array(upheaval, { maxLength: 200 }), (by, count, turns) => {
        const world = new SimulatedService(count, by)
        for (const next of turns) {
          play(world, next)
          const isIt =
            world.tasks.length === world.replicas &&
            world.servingSlots().size === world.replicas &&
            world.tasks.every(({ version }) => version === world.version)
          expect(world.decide().isConverged).toBe(isIt)
        }
      }),
    )
  })

  test('a broken version is told, and going back heals what it cost', () => {
    fc.assert(
      fc.property(order, replicas, fc.array(turn, { maxLength: 200 }), (by, count, turns) => {
        const world = new SimulatedService(count, by, new Set(['v2']))
        expect(world.settle()).toBe(true)
        world.version = 'v2'
        for (const next of turns) play(world, next)
        expect(world.settle()).toBe(false)
        expect(world.decide().failure).toMatch(/it is (exited|starting)/)
        world.version = 'v1'
        expect(world.settle()).toBe(true)
        expect(world.decide()).toEqual({ moves: [], isConverged: true, failure: undefined })
      }),
      { numRuns: 30 },
    )
  })
})

function inShort(move: RolloutMove): string {
  return move.type === 'create' ? `+${move.slot}` : `-${move.task.metadata.uid}`
}
