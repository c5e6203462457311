import { request } from "./client";
import { query } from "./endpoints";
import type { AuditEntry, Key, Link, NewKey, NewLink, OpenSession, Page, Permission, Quota, Reader, Role, Session, Usage, User } from "./types";

const id = encodeURIComponent;

export const getSession = () => request<Session>("GET", "/api/session");
export type Credentials = { name: string; password: string } | { key: string };
export const signIn = (credentials: Credentials) => request<Session>("POST", "/api/session", { json: credentials });
export const signOut = () => request<void>("DELETE", "/api/session");
export const openLink = (token: string) => request<{ media_id: string }>("POST", "/api/session/link", { json: { token } });
/** Where the identity provider begins; it leads back to the address (path and query) in the end. */
export const providerUrl = (next: string) => `/api/session/oidc${query({ next })}`;

export const getAccount = () => request<{ user: User | null; usage: Usage }>("GET", "/api/account");
export const eraseAccount = () => request<void>("DELETE", "/api/account");
export const changePassword = (old: string, password: string) => request<void>("PUT", "/api/account/password", { json: { old, new: password } });
export const listSessions = () => request<Page<OpenSession>>("GET", "/api/account/sessions");
export const endSession = (session: string) => request<void>("DELETE", `/api/account/sessions/${id(session)}`);
export const listKeys = () => request<Page<Key>>("GET", "/api/account/keys");
export const makeKey = (name: string, scopes: Permission[], days: number | null) =>
  request<NewKey>("POST", "/api/account/keys", { json: { name, scopes, days } });
export const revokeKey = (key: string) => request<void>("DELETE", `/api/account/keys/${id(key)}`);

export const listUsers = (cursor: string | null) => request<Page<User>>("GET", `/api/users${query({ cursor })}`);
export const addUser = (name: string, password: string, role: Role) => request<User>("POST", "/api/users", { json: { name, password, role } });
export const changeUser = (user: string, change: { role?: Role; disabled?: boolean; quotas?: Quota }) =>
  request<User>("PATCH", `/api/users/${id(user)}`, { json: change });
export const setPassword = (user: string, password: string) => request<void>("PUT", `/api/users/${id(user)}/password`, { json: { password } });
export const eraseUser = (user: string) => request<void>("DELETE", `/api/users/${id(user)}`);
export const listAllKeys = () => request<Page<Key>>("GET", "/api/ops/keys");
export const revokeAnyKey = (key: string) => request<void>("DELETE", `/api/ops/keys/${id(key)}`);
export const getAudit = (where: { text: string; before: string | null; limit: number }, signal: AbortSignal) =>
  request<Page<AuditEntry>>("GET", `/api/ops/audit${query(where)}`, { signal });

const media = (one: string) => `/api/media/${id(one)}`;
export const listReaders = (one: string) => request<Page<Reader>>("GET", `${media(one)}/grants`);
export const grant = (one: string, name: string) => request<Reader>("POST", `${media(one)}/grants`, { json: { name } });
export const withdraw = (one: string, user: string) => request<void>("DELETE", `${media(one)}/grants/${id(user)}`);
export const listLinks = (one: string) => request<Page<Link>>("GET", `${media(one)}/links`);
export const makeLink = (one: string, days: number) => request<NewLink>("POST", `${media(one)}/links`, { json: { days } });
export const revokeLink = (one: string, link: string) => request<void>("DELETE", `${media(one)}/links/${id(link)}`);
