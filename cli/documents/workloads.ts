import { graphql } from '../graphql.ts'
import { ConditionParts, Head, PageEnd } from './head.ts'

const InstanceParts = graphql(
  `
    fragment InstanceParts on Instance {
      ...Head
      spec {
        applicationUid
        revisionUid
        isStopped
        overrides {
          serviceName
          replicas
          detached
          environment
        }
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        convergedRevisionUid
      }
      application {
        name
      }
      revision {
        spec {
          number
        }
      }
      services {
        name
        spec {
          serviceName
          replicas
        }
        status {
          runningReplicas
          updatedReplicas
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const InstanceList = graphql(
  `
    query InstanceList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: instances(first: $first, after: $after, filter: $filter) {
        nodes {
          ...InstanceParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [InstanceParts, PageEnd],
)

const TaskParts = graphql(
  `
    fragment TaskParts on Task {
      ...Head
      spec {
        serviceUid
        revisionUid
        slot
        templateHash
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        state
        message
        incarnation
        containerId
        startedAt
        address
        nodeUid
        exitCode
        restarts
        routedIncarnation
        mountedAttachmentUids
      }
      service {
        spec {
          serviceName
        }
        instance {
          name
        }
      }
      node {
        name
      }
    }
  `,
  [Head, ConditionParts],
)

export const TaskList = graphql(
  `
    query TaskList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: tasks(first: $first, after: $after, filter: $filter) {
        nodes {
          ...TaskParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [TaskParts, PageEnd],
)

export const TaskFind = graphql(
  `
    query TaskFind($name: String!, $project: String!) {
      found: task(name: $name, project: $project) {
        ...TaskParts
      }
    }
  `,
  [TaskParts],
)

const ImageParts = graphql(
  `
    fragment ImageParts on Image {
      ...Head
      spec {
        source {
          __typename
          ... on BuiltImage {
            contextDigest
            contextPath
            dockerfile
            target
            buildArgs
          }
          ... on FetchedImage {
            reference
          }
        }
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        pinned
        exposedPorts
        hasHealthCheck
        sizeBytes
      }
    }
  `,
  [Head, ConditionParts],
)

export const ImageList = graphql(
  `
    query ImageList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: images(first: $first, after: $after, filter: $filter) {
        nodes {
          ...ImageParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [ImageParts, PageEnd],
)

export const ImageFind = graphql(
  `
    query ImageFind($name: String!, $project: String!) {
      found: image(name: $name, project: $project) {
        ...ImageParts
      }
    }
  `,
  [ImageParts],
)
