import { graphql } from '../graphql.ts'

/** What every object is shown with. */
export const Head = graphql(`
  fragment Head on Resource {
    kind
    uid
    name
    project {
      name
    }
    generation
    createdAt
    deletionRequestedAt
    isReady
  }
`)

export const ConditionParts = graphql(`
  fragment ConditionParts on Condition {
    type
    status
    reason
    message
    remedy
    since
  }
`)

export const PageEnd = graphql(`
  fragment PageEnd on PageInfo {
    endCursor
    hasNextPage
  }
`)
