import { graphql } from '../graphql.ts'
import { ConditionParts, Head, PageEnd } from './head.ts'

const UserParts = graphql(
  `
    fragment UserParts on User {
      ...Head
      spec {
        displayName
        isBlocked
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
      }
      roleBindings {
        spec {
          role
        }
        inProject {
          name
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const UserList = graphql(
  `
    query UserList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: users(first: $first, after: $after, filter: $filter) {
        nodes {
          ...UserParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [UserParts, PageEnd],
)

export const UserFind = graphql(
  `
    query UserFind($name: String!) {
      found: user(name: $name) {
        ...UserParts
      }
    }
  `,
  [UserParts],
)

const TokenParts = graphql(
  `
    fragment TokenParts on Token {
      ...Head
      spec {
        purpose
        userUid
        scope
        projectUid
        expiresAt
        usesLeft
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
      }
      user {
        name
      }
      inProject {
        name
      }
    }
  `,
  [Head, ConditionParts],
)

export const TokenList = graphql(
  `
    query TokenList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: tokens(first: $first, after: $after, filter: $filter) {
        nodes {
          ...TokenParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [TokenParts, PageEnd],
)
