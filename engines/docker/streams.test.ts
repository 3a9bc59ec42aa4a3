import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitFrames, splitLines } from './streams.ts'

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

function frame(stream: 'stdout' | 'stderr', bytes: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream === 'stderr' ? 2 : 1
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

const sizes = fc.array(fc.nat(12), { maxLength: 40 })

describe('splitLines', () => {
  it('finds the same lines however the bytes arrive', async () => {
    const line = fc.stringMatching(/^[^\n\r]*[^\s][^\n\r]*$/)
    await fc.assert(
      fc.asyncProperty(fc.array(line), sizes, async (lines, at) => {
        const bytes = Buffer.from(lines.join('\n'))
        expect(await Array.fromAsync(splitLines(cut(bytes, at)))).toEqual(lines)
      }),
    )
  })
})

describe('splitFrames', () => {
  it('finds the same output however the bytes arrive', async () => {
    const stream = fc.constantFrom('stdout' as const, 'stderr' as const)
    const piece = fc.record({ stream, text: fc.string({ unit: 'binary' }) })
    await fc.assert(
      fc.asyncProperty(fc.array(piece), sizes, async (pieces, at) => {
        const bytes = Buffer.concat(pieces.map((p) => frame(p.stream, Buffer.from(p.text))))
        const frames = await Array.fromAsync(splitFrames(cut(bytes, at)))
        for (const name of ['stdout', 'stderr'] as const) {
          const wanted = pieces.filter((p) => p.stream === name).map((p) => Buffer.from(p.text))
          const got = frames.filter((f) => f.stream === name).map((f) => f.bytes)
          expect(Buffer.concat(got)).toEqual(Buffer.concat(wanted))
        }
      }),
    )
  })

  it('gives what came of a frame that was cut', async () => {
    const bytes = frame('stderr', Buffer.from('hello')).subarray(0, 10)
    const frames = await Array.fromAsync(splitFrames(cut(bytes, [])))
    expect(frames).toEqual([{ stream: 'stderr', bytes: Buffer.from('he') }])
  })
})
