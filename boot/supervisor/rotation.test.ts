import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rotateLogs } from './rotation.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'polis-rotation-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('keeps so many of so many bytes, newest first', () => {
  const path = join(folder, 'server.log')
  writeFileSync(join(folder, 'agent.log'), 'short')
  for (const text of ['first', 'second', 'third', 'fourth']) {
    writeFileSync(path, text.repeat(10))
    rotateLogs(folder, { maxBytes: 20, kept: 2 })
    expect(readFileSync(path, 'utf8')).toBe('')
  }
  expect(readdirSync(folder)).toEqual(['agent.log', 'server.log', 'server.log.1', 'server.log.2'])
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('fourth'.repeat(10))
  expect(readFileSync(`${path}.2`, 'utf8')).toBe('third'.repeat(10))
})
