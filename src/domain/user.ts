/** Roles of people who use the API. */
export const ROLES = ['csr', 'sales_rep', 'manager', 'executive', 'admin'] as const;
export type Role = (typeof ROLES)[number];
