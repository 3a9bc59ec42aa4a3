// What the tests of this driver do with the engine beside it.
import { Readable } from 'node:stream'
import { DockerClient } from '@polis/engine-docker/client'
import { findImage, getImage, importImage, pullImage } from '@polis/engine-docker/images'
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

/** The engine of one node. */
export class TestEngine {
  readonly #docker: DockerClient

  constructor(socketPath: string) {
    this.#docker = new DockerClient({ socketPath })
  }

  /** An image that no engine has had before; `sizeBytes` of content that does not compress. */
  async addImage(sizeBytes = 1_000): Promise<string> {
    const tag = newUid()
    const content = Buffer.alloc(sizeBytes)
    for (let at = 0; at < sizeBytes; at += 4)
      content.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at)
    const reference = { repository: 'test/registry', tag }
    await importImage(this.#docker, Readable.from([tarOf(tag, content)]), reference, [], signal())
    return (await getImage(this.#docker, `test/registry:${tag}`, signal())).id
  }

  /** Fetches it although the engine may have had it; gives its id, undefined when the registry has not got it. */
  async fetch(reference: string): Promise<string | undefined> {
    const had = await findImage(this.#docker, reference, signal())
    if (had !== undefined) {
      const query = { force: true }
      await this.#docker.send('DELETE', `/images/${had.id}`, { query, signal: signal() })
    }
    try {
      return (await pullImage(this.#docker, reference, {}, signal())).id
    } catch (error) {
      if (error instanceof PolisError && error.code === 'NotFound') return undefined
      throw error
    }
  }
}

/** A tar archive of one file: https://www.gnu.org/software/tar/manual/html_node/Standard.html */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write(['0000644', '0000000', '0000000', ''].join('\0'), 100)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0        0', 136)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}
