import { graphql } from '../graphql.ts'

export const SignIn = graphql(`
  mutation SignIn($name: String!, $password: String!) {
    session: signIn(name: $name, password: $password, asCookie: false) {
      token
      expiresAt
    }
  }
`)

export const SignInWithLink = graphql(`
  mutation SignInWithLink($token: String!) {
    session: signInWithLink(token: $token, asCookie: false) {
      token
      expiresAt
    }
  }
`)

export const SignOut = graphql(`
  mutation SignOut($everywhere: Boolean!) {
    signOut(everywhere: $everywhere)
  }
`)

export const CreateSignInToken = graphql(`
  mutation CreateSignInToken($user: String!) {
    made: createSignInToken(user: $user) {
      name
      text
      expiresAt
    }
  }
`)

export const CreateApiToken = graphql(`
  mutation CreateApiToken($name: String!, $scope: Role!, $project: String, $days: Int!) {
    made: createApiToken(name: $name, scope: $scope, project: $project, days: $days) {
      name
      text
      expiresAt
    }
  }
`)

export const CreateJoinToken = graphql(`
  mutation CreateJoinToken($hours: Int!, $uses: Int!) {
    made: createJoinToken(hours: $hours, uses: $uses) {
      name
      text
      expiresAt
    }
  }
`)
