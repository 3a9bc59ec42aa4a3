import { TestApi } from '@polis/api/test-api'

/** The API on a free port, for programs that know nothing but the API. */
export function openPolisApi(): Promise<TestApi> {
  return TestApi.open()
}

export type PolisApi = TestApi
