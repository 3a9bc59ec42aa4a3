import { createApiServer } from '@polis/api/server'
import { TestApi } from '@polis/api/test-api'
import { createShop } from '@polis/api/test-shop'
import { localOperator } from '@polis/kernel/polis-kernel'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { FakeWorld } from './fake-world.ts'

export type PolisApi = TestApi

/** The API on a free port, for programs that know nothing but the API. */
export function openPolisApi(): Promise<PolisApi> {
  return TestApi.open()
}

/** The same with a node and an application on it. */
export async function openShopApi(): Promise<PolisApi> {
  const api = await TestApi.open()
  await createShop(api.kernel)
  return api
}

export interface WorldApi extends AsyncDisposable {
  readonly world: FakeWorld
  readonly url: string
  /** Where the administrator's browser, or shell, signs in; works once. */
  readonly signInLink: string
}

/** The API of a whole installation on fakes: the real kernel and its controllers behind it. */
export async function openWorldApi(): Promise<WorldApi> {
  const world = await FakeWorld.open()
  const server = createApiServer({
    kernel: world.kernel,
    logger: silentLogger,
    clock: systemClock,
    version: '0.1.0',
    address: '127.0.0.1',
    port: 0,
  })
  const { url } = await server.listen()
  const { text } = await world.kernel.createSignInToken(localOperator, 'admin')
  return {
    world,
    url,
    signInLink: `${url}/sign-in?token=${text}`,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await world[Symbol.asyncDispose]()
    },
  }
}
