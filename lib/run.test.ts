import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from './run.ts'
import { until } from './until.ts'

const { signal } = new AbortController()

test('gives back what a program wrote, on either stream', async () => {
  const { stdout, stderr } = await run('sh', ['-c', 'echo out; echo err >&2'], { signal })
  expect({ stdout, stderr }).toEqual({ stdout: 'out\n', stderr: 'err\n' })
})

test('arguments reach the program as they are: no shell looks at them', async () => {
  const words = ['$HOME', '; echo', '*', '"a b"', '']
  const { stdout } = await run('printf', ['%s\n', ...words], { signal })
  expect(stdout).toBe(words.map((word) => `${word}\n`).join(''))
})

test('a program reads its input, or does not', async () => {
  expect(await run('cat', [], { signal, input: 'hello' })).toMatchObject({ stdout: 'hello' })
  const unread = await run('true', [], { signal, input: 'x'.repeat(1_000_000) })
  expect(unread.stdout).toBe('')
})

test('a program gets the environment of this one and what is added', async () => {
  const { stdout } = await run('sh', ['-c', 'echo "$PATH|$ADDED"'], {
    signal,
    env: { ADDED: 'yes' },
  })
  expect(stdout).toBe(`${process.env['PATH'] ?? ''}|yes\n`)
})

test('a program runs where it is told to', async () => {
  const cwd = await newFolder()
  expect(await run('pwd', ['-P'], { signal, cwd })).toMatchObject({
    stdout: `${await realpath(cwd)}\n`,
  })
})

test('a failure tells the last words of the program', async () => {
  await expect(
    run('sh', ['-c', 'echo no space left >&2; exit 3'], { signal }),
  ).rejects.toMatchObject({ code: 'Internal', message: 'sh failed: no space left' })
})

test('a program that is not there is told apart from a folder that is not there', async () => {
  await expect(run('no-such-program-1', [], { signal })).rejects.toMatchObject({
    code: 'Unavailable',
    message: 'no-such-program-1 is not installed',
  })
  await expect(run('true', [], { signal, cwd: '/no/such/folder' })).rejects.toMatchObject({
    code: 'NotFound',
    message: 'true cannot run in /no/such/folder: there is no such folder',
  })
})

test('an abort ends the program and gives its reason', async () => {
  const pidFile = join(await newFolder(), 'pid')
  const abort = new AbortController()
  const running = run('sh', ['-c', `echo $$ > '${pidFile}'; exec sleep 600`], {
    signal: abort.signal,
  })
  running.catch(() => undefined) // looked at below
  const pid = await until(
    async () => {
      const text = await readFile(pidFile, 'utf8')
      return text.endsWith('\n') ? Number(text) : undefined
    },
    { deadlineMs: 5_000, what: 'the program runs' },
  )
  abort.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  await until(() => !isAlive(pid), { deadlineMs: 5_000, what: 'the program is gone' })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'polis-run-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}
