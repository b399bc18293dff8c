/** Verbs about principals, roles, sessions and keys. */
import type { Column, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, LIMIT, named, PAGE } from './parameters.js';

const KINDS = ['HUMAN', 'SERVICE', 'AGENT'];
const PRINCIPAL: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'KIND', path: 'kind' }, { head: 'USERNAME', path: 'username' }, { head: 'NAME', path: 'displayName' }, { head: 'ACTIVE', path: 'active' }, { head: 'VERSION', path: 'version', wide: true }];
const WITH_ROLES: readonly Column[] = [...PRINCIPAL, { head: 'ROLES', path: 'roles' }];
const GRANT: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'PRINCIPAL', path: 'principal.id' }, { head: 'ROLE', path: 'role' }, { head: 'STATE', path: 'state' }];
const SESSION: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'STATE', path: 'state' }, { head: 'CREATED', path: 'createdAt' }, { head: 'EXPIRES', path: 'expiresAt' }, { head: 'ENDED', path: 'endedAt' }];
const KEY: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'NAME', path: 'name' }, { head: 'STATE', path: 'state' }];
const PRINCIPAL_ID = named('principal', 'Id of the principal.', 'principalId');

export const PEOPLE: VerbGroup = {
  noun: 'people', aliases: ['principals', 'person'], summary: 'People, services and agents',
  verbs: [
    { words: ['people', 'list'], summary: 'Principals, newest first.', flags: [{ name: 'kind', variable: 'kind', values: KINDS, summary: 'Only of this kind.' }, { name: 'role', variable: 'role', summary: 'Only who holds this role.' }, ...PAGE], request: { operation: 'list-principals', rows: 'principals.nodes', columns: WITH_ROLES, resource: 'principal' } },
    { words: ['people', 'show'], summary: 'One principal with grants, sessions and keys.', positionals: [named('id', 'Id of the principal.', 'id')], request: { operation: 'show-principal', rows: 'principal', view: 'detail', columns: WITH_ROLES, resource: 'principal' } },
    {
      words: ['people', 'create'], summary: 'Make a principal; a generated password is shown this once.', changes: true,
      positionals: [named('username', 'Name to log in with.', 'input.username')],
      flags: [
        { name: 'kind', variable: 'input.kind', values: KINDS, required: true, summary: 'What it is.' }, { name: 'name', variable: 'input.displayName', required: true, summary: 'Name that is shown.' },
        { name: 'password', variable: 'input.password', type: 'secret', summary: 'Password: - for standard input, @FILE for a file.' }, { name: 'generate-password', variable: 'input.generatePassword', type: 'flag', summary: 'Make a password and show it.' },
      ],
      request: { operation: 'create-principal', rows: 'createPrincipal.principal', columns: PRINCIPAL, resource: 'principal', once: { path: 'createPrincipal.generatedPassword', label: 'Password, shown this once' } },
    },
    {
      words: ['people', 'set-password'], summary: 'Set a password: your own, or another\'s as an administrator.', changes: true,
      positionals: [{ name: 'principal', summary: 'Whose; your own when absent.', variable: 'principalId' }],
      flags: [
        { name: 'current-password', type: 'secret', summary: 'Your password until now: - or @FILE; asked for when absent.' },
        { name: 'new-password', type: 'secret', summary: 'The new one: - or @FILE; asked for when absent.' },
      ],
      act: 'setPassword', operations: ['set-password'],
    },
    { words: ['people', 'disable'], summary: 'Switch a principal off; its sessions and keys end within a second.', changes: true, destructive: 'Disable principal {principal} and end its sessions and keys?', positionals: [PRINCIPAL_ID], flags: [{ name: 'reason', variable: 'reason', required: true, summary: 'Why.' }, EXPECTED_VERSION], request: { operation: 'disable-principal', rows: 'disablePrincipal.principal', columns: WITH_ROLES, resource: 'principal' } },
    { words: ['people', 'enable'], summary: 'Switch a principal on again.', changes: true, positionals: [PRINCIPAL_ID], flags: [EXPECTED_VERSION], request: { operation: 'enable-principal', rows: 'enablePrincipal.principal', columns: WITH_ROLES, resource: 'principal' } },
  ],
};

export const ROLES: VerbGroup = {
  noun: 'roles', aliases: ['role'], summary: 'Roles and who holds them',
  verbs: [
    { words: ['roles', 'list'], summary: 'The roles.', request: { operation: 'list-roles', rows: 'roles', columns: [{ head: 'NAME', path: 'name' }, { head: 'DESCRIPTION', path: 'description' }, { head: 'SCOPES', path: 'scopes', wide: true }], resource: 'role', nameAt: 'name' } },
    { words: ['roles', 'grant'], summary: 'Give a principal a role.', changes: true, positionals: [PRINCIPAL_ID, named('role', 'The role.', 'role')], flags: [{ name: 'expires', variable: 'expiresAt', type: 'future', summary: 'Until when; default for good.' }], request: { operation: 'grant-role', rows: 'grantRole.grant', columns: [...GRANT, { head: 'EXPIRES', path: 'expiresAt' }], resource: 'grant' }, examples: ['acgs roles grant 7f9c… operator --expires 8h'] },
    { words: ['roles', 'revoke'], summary: 'Take a role away.', changes: true, destructive: 'Take role {role} from {principal}?', positionals: [PRINCIPAL_ID, named('role', 'The role.', 'role')], request: { operation: 'revoke-role', rows: 'revokeRole.grant', columns: [...GRANT, { head: 'ENDED', path: 'endedAt' }], resource: 'grant' } },
  ],
};

export const KEYS: VerbGroup = {
  noun: 'keys', aliases: ['key'], summary: 'API keys and the key that signs tokens',
  verbs: [
    { words: ['keys', 'list'], summary: 'Your API keys.', flags: [LIMIT], request: { operation: 'own-api-keys', rows: 'me.apiKeys', columns: [...KEY, { head: 'EXPIRES', path: 'expiresAt' }, { head: 'LAST USED', path: 'lastUsedAt' }, { head: 'SCOPES', path: 'scopes', wide: true }], resource: 'api-key' } },
    {
      words: ['keys', 'create'], summary: 'Make an API key; its secret is shown this once.', changes: true,
      positionals: [named('name', 'What it is for.', 'input.name')],
      flags: [{ name: 'scope', variable: 'input.scopes', repeated: true, required: true, summary: 'A scope it gives; may be given several times.' }, { name: 'owner', variable: 'input.ownerId', summary: 'Principal it stands for; default you.' }, { name: 'expires', variable: 'input.expiresAt', type: 'future', summary: 'Until when; default 90 days.' }],
      request: { operation: 'create-api-key', rows: 'createApiKey.apiKey', columns: [...KEY, { head: 'EXPIRES', path: 'expiresAt' }, { head: 'SCOPES', path: 'scopes' }], resource: 'api-key', once: { path: 'createApiKey.secret', label: 'Key, shown this once' } },
    },
    { words: ['keys', 'revoke'], summary: 'End an API key.', changes: true, destructive: 'End API key {id}?', positionals: [named('id', 'The key.', 'apiKeyId')], request: { operation: 'revoke-api-key', rows: 'revokeApiKey.apiKey', columns: [...KEY, { head: 'REVOKED', path: 'revokedAt' }], resource: 'api-key' } },
    { words: ['keys', 'rotate-signing'], summary: 'Make a new key for signing access tokens; tokens signed before stay valid until they end.', changes: true, destructive: 'Rotate the signing key of all access tokens?', request: { operation: 'rotate-signing-key', rows: 'rotateSigningKey', columns: [{ head: 'KEY', path: 'keyId' }], resource: 'signing-key', nameAt: 'keyId' } },
  ],
};

export const SESSIONS: VerbGroup = {
  noun: 'sessions', aliases: ['session'], summary: 'Logins',
  verbs: [
    { words: ['sessions', 'list'], summary: 'Your sessions.', flags: [LIMIT], request: { operation: 'own-sessions', rows: 'me.sessions', columns: [...SESSION, { head: 'CURRENT', path: 'current' }], resource: 'session' } },
    { words: ['sessions', 'revoke'], summary: 'End a session; yours, or anybody\'s as an administrator.', changes: true, destructive: 'End session {id}?', positionals: [named('id', 'The session.', 'sessionId')], request: { operation: 'revoke-session', rows: 'revokeSession.session', columns: SESSION, resource: 'session' } },
  ],
};
