/** Conditions that several queries share. */
import { type Column, type SQL, sql } from 'drizzle-orm';
import { makePgArray } from 'drizzle-orm/pg-core';

/** Texts as one parameter, so that a statement with five of them is the one with two, and prepared with it. */
export const textArray = (values: readonly string[]): SQL => sql`${makePgArray([...values])}::text[]`;

/** Whether it is one of the values. */
export const isAnyOf = (value: Column | SQL, values: readonly string[]): SQL =>
  sql`${value} = any(${textArray(values)})`;
