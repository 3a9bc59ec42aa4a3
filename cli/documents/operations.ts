import { graphql, type ResultOf } from '../graphql.ts'
import { PageEnd } from './head.ts'

export const ProblemParts = graphql(`
  fragment ProblemParts on Problem {
    code
    path
    message
    hint
    file
    line
    column
  }
`)

export type ProblemShown = ResultOf<typeof ProblemParts>

export const OperationParts = graphql(
  `
    fragment OperationParts on Operation {
      id
      requestId
      verb
      title
      status
      project {
        name
      }
      actor {
        name
      }
      steps {
        key
        title
        status
        message
        startedAt
        endedAt
      }
      warnings {
        ...ProblemParts
      }
      error {
        ...ProblemParts
      }
      result
      startedAt
      endedAt
    }
  `,
  [ProblemParts],
)
export type OperationShown = ResultOf<typeof OperationParts>

export const OperationFind = graphql(
  `
    query OperationFind($id: ID!) {
      found: operation(id: $id) {
        ...OperationParts
      }
    }
  `,
  [OperationParts],
)

export const OperationList = graphql(
  `
    query OperationList($first: Int!, $after: String, $filter: OperationFilter) {
      page: operations(first: $first, after: $after, filter: $filter) {
        nodes {
          ...OperationParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [OperationParts, PageEnd],
)

export const OperationFollow = graphql(
  `
    subscription OperationFollow($id: ID!) {
      operation(id: $id) {
        ...OperationParts
      }
    }
  `,
  [OperationParts],
)

export const OperationCancel = graphql(
  `
    mutation OperationCancel($id: ID!) {
      cancelOperation(id: $id) {
        ...OperationParts
      }
    }
  `,
  [OperationParts],
)

const EventParts = graphql(`
  fragment EventParts on Event {
    id
    at
    type
    level
    message
    requestId
    operationId
    project {
      name
    }
    objectKind
    objectUid
    actor
    fields
  }
`)
export type EventShown = ResultOf<typeof EventParts>

export const EventList = graphql(
  `
    query EventList($first: Int!, $after: String, $filter: EventFilter) {
      page: events(first: $first, after: $after, filter: $filter) {
        nodes {
          ...EventParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [EventParts, PageEnd],
)

export const EventFollow = graphql(
  `
    subscription EventFollow($filter: EventFilter, $after: ID) {
      events(filter: $filter, after: $after) {
        ...EventParts
      }
    }
  `,
  [EventParts],
)
