import { TestApi } from '@polis/api/test-api'
import { createShop } from '@polis/api/test-shop'

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
