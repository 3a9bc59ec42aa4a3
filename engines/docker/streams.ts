// The two framings Docker streams in: one JSON value a line, and stdout and stderr multiplexed.
import { PolisError } from '@polis/lib/error'

type Bytes = AsyncIterable<Uint8Array>

/** A longer line is no progress message; without a limit a broken peer would fill memory. */
const MAX_LINE_BYTES = 16 * 1024 * 1024

export async function* splitLines(source: Bytes): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_BYTES)
      throw new PolisError('Internal', 'Docker sent an endless line')
    for (const line of lines) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}

/** A piece of what a program wrote. */
export interface OutputFrame {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

const HEADER_BYTES = 8

/**
 * Splits Docker's multiplexed output; a header is [stream, 0, 0, 0, length as 32 bits, big-endian]
 * (https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach).
 * A stream cut in the middle of a frame gives the part that came.
 */
export async function* splitFrames(source: Bytes): AsyncGenerator<OutputFrame> {
  let stream: OutputFrame['stream'] = 'stdout'
  let leftInFrame = 0
  let header = Buffer.alloc(0)
  for await (const chunk of source) {
    for (let rest = Buffer.from(chunk); rest.length > 0;) {
      if (leftInFrame === 0) {
        const wanted = HEADER_BYTES - header.length
        header = Buffer.concat([header, rest.subarray(0, wanted)])
        rest = rest.subarray(wanted)
        if (header.length < HEADER_BYTES) continue
        stream = header[0] === 2 ? 'stderr' : 'stdout'
        leftInFrame = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const bytes = rest.subarray(0, leftInFrame)
      leftInFrame -= bytes.length
      rest = rest.subarray(bytes.length)
      yield { stream, bytes }
    }
  }
}
