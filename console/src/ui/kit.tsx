/** The parts that pages are made of. Everything that opens or can be pressed is React Aria's. */
import { Link } from '@tanstack/react-router';
import { type ComponentProps, type ReactNode, useEffect, useId, useState } from 'react';
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Dialog as AriaDialog,
  Heading,
  Modal,
  ModalOverlay,
} from 'react-aria-components';
import { ApiProblem } from '../lib/api.ts';
import { fullTime, shortMoment, viewerZone, zoneDiffers } from '../lib/format.ts';
import type { Tone } from '../lib/words.ts';
import { Icon, type IconName } from './icons.tsx';

interface ButtonProps extends AriaButtonProps {
  kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  icon?: IconName;
  busy?: boolean;
  children?: ReactNode;
}

export function Button({ kind = 'plain', icon, busy = false, children, className, ...rest }: ButtonProps) {
  return (
    <AriaButton
      {...rest}
      isPending={busy}
      className={`button ${kind} ${children ? '' : 'icon-only'} ${className ?? ''}`}
    >
      {busy ? <span className="spinner" aria-hidden /> : icon && <Icon name={icon} />}
      {children}
    </AriaButton>
  );
}

export function Badge({ tone = 'neutral', children, title }: { tone?: Tone; children: ReactNode; title?: string }) {
  return (
    <span className={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

export function Said({ said }: { said: { text: string; tone: Tone } | undefined }) {
  return said ? <Badge tone={said.tone}>{said.text}</Badge> : null;
}

export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · callwright`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions && <div className="actions no-print">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  actions,
  children,
  className = '',
  level = 2,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  level?: 2 | 3;
}) {
  const H = `h${level}` as 'h2';
  const id = useId();
  return (
    <section className={`card ${className}`} aria-labelledby={title ? id : undefined}>
      {(title || actions) && (
        <header className="card-head">
          {title && <H id={id}>{title}</H>}
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

export function Empty({ title, children, icon = 'inbox' }: { title: string; children?: ReactNode; icon?: IconName }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <p className="empty-title">{title}</p>
      {children && <div className="muted">{children}</div>}
    </div>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  isFetching: boolean;
  failureCount: number;
  failureReason: unknown;
  refetch: () => unknown;
}

const SLOW_AFTER_MS = 4000;

/** Shows what a query has; while it has nothing, why not and what happens next. It comes back by itself. */
export function Loaded<T>({
  query,
  children,
  skeleton,
  missing,
}: {
  query: QueryLike<T>;
  children: (data: T) => ReactNode;
  skeleton?: ReactNode;
  /** Said where the API answers 404. */
  missing?: ReactNode;
}) {
  const problem = query.error ?? query.failureReason;
  const retry = () => void query.refetch();
  if (query.data !== undefined)
    return (
      <>
        {query.failureCount > 1 && problem instanceof ApiProblem && problem.isTransient && (
          <p className="notice warn" role="status">
            <Icon name="alert" /> This may be out of date: {problem.message} Trying again…
          </p>
        )}
        {children(query.data)}
      </>
    );
  if (problem instanceof ApiProblem && problem.status === 404 && missing) return <>{missing}</>;
  // Of an expired token the sign-in dialog tells.
  if (problem && !(problem instanceof ApiProblem && problem.status === 401))
    return <ProblemNote problem={problem} onRetry={retry} />;
  return (
    <>
      {skeleton ?? <Skeleton />}
      <Slow />
    </>
  );
}

function Slow() {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p className="muted" role="status">
      {slow && 'This takes longer than usual. It is still being loaded.'}
    </p>
  );
}

export function Skeleton({ rows = 6 }: { rows?: number }) {
  return (
    <div className="skeleton" aria-busy="true" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => `row ${index}`).map((row) => (
        <span key={row} />
      ))}
    </div>
  );
}

/** What went wrong and what to do; a passing fault is tried again without being asked. */
export function ProblemNote({ problem, onRetry }: { problem: unknown; onRetry?: () => void }) {
  const known = problem instanceof ApiProblem ? problem : undefined;
  const advice =
    known?.status === 403
      ? 'Ask somebody whose role may.'
      : known?.status === 404
        ? 'It may have been deleted, or belongs to somebody else.'
        : known?.isTransient
          ? 'It is tried again by itself.'
          : 'If it stays, give the id below to whoever runs the service.';
  return (
    <div className="problem" role="alert">
      <Icon name="alert" />
      <div>
        <p>
          <strong>{known ? known.message : 'Something on this page broke.'}</strong> {advice}
        </p>
        {known?.requestId && <p className="muted small">Request {known.requestId}</p>}
        {onRetry && (
          <Button onPress={onRetry} icon="refresh">
            Try now
          </Button>
        )}
      </div>
    </div>
  );
}

/** Beside a form: why it was not taken. What was typed stays. */
export function FormProblem({ problem }: { problem: unknown }) {
  if (!problem) return null;
  const known = problem instanceof ApiProblem ? problem : undefined;
  return (
    <div className="notice bad" role="alert">
      <Icon name="alert" />
      <span>
        {known?.status === 401
          ? 'You were signed out. Sign in again: what you typed is still here.'
          : (known?.message ?? 'It was not saved.')}
        {known?.isTransient && ' Nothing was lost: try again.'}
        {known?.fields.map(({ path, message }) => (
          <span key={path + message} className="block">
            {path}: {message}
          </span>
        ))}
      </span>
    </div>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: ReactNode;
  children: (props: { id: string; 'aria-describedby'?: string }) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, ...(hint ? { 'aria-describedby': `${id}-hint` } : {}) })}
      {hint && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

export function TextField({
  label,
  hint,
  value,
  onChange,
  ...rest
}: { label: string; hint?: ReactNode; value: string; onChange: (value: string) => void } & Omit<
  ComponentProps<'input'>,
  'value' | 'onChange'
>) {
  return (
    <Field label={label} hint={hint}>
      {(props) => <input {...rest} {...props} value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

export function TextArea({
  label,
  hint,
  value,
  onChange,
  ...rest
}: { label: string; hint?: ReactNode; value: string; onChange: (value: string) => void } & Omit<
  ComponentProps<'textarea'>,
  'value' | 'onChange'
>) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <textarea rows={3} {...rest} {...props} value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  );
}

export function Select({
  label,
  hint,
  value,
  onChange,
  options,
  ...rest
}: {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
  options: readonly (readonly [value: string, text: string])[];
} & Omit<ComponentProps<'select'>, 'value' | 'onChange'>) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <select {...rest} {...props} value={value} onChange={(event) => onChange(event.target.value)}>
          {options.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A dialog over the page. It stays open while a request fails, with all that was typed. */
export function Dialog({
  title,
  isOpen,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  isOpen: boolean;
  /** Without it the dialog can only be finished. */
  onClose?: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  return (
    <ModalOverlay
      className="overlay"
      isOpen={isOpen}
      isDismissable={false}
      isKeyboardDismissDisabled={!onClose}
      onOpenChange={(open) => !open && onClose?.()}
    >
      <Modal className={`modal ${wide ? 'wide' : ''}`}>
        <AriaDialog className="dialog">
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            {onClose && <Button kind="quiet" icon="close" aria-label="Close" onPress={onClose} />}
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** A moment; the whole of it, in both zones where they differ, on hover and for screen readers. */
export function Time({ at, format = shortMoment }: { at: string; format?: (iso: string) => string }) {
  const title = zoneDiffers() ? `${fullTime(at)} (yours: ${fullTime(at, viewerZone)})` : fullTime(at);
  return (
    <time dateTime={at} title={title}>
      {format(at)}
    </time>
  );
}

export function Tabs({
  label,
  items,
}: {
  label: string;
  items: { to: string; text: string; count?: number | undefined }[];
}) {
  return (
    <nav className="tabs no-print" aria-label={label}>
      {items.map(({ to, text, count }) => (
        <Link key={to} to={to} activeOptions={{ exact: false }} activeProps={{ 'aria-current': 'page' }}>
          {text}
          {count !== undefined && count > 0 && <span className="count">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}

export function Definition({ items }: { items: [term: string, value: ReactNode][] }) {
  return (
    <dl className="definition">
      {items.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A share as a bar with its number beside it. */
export function Meter({
  value,
  max = 1,
  text,
  tone = 'info',
}: {
  value: number;
  max?: number;
  text: string;
  tone?: Tone;
}) {
  return (
    <span className={`meter ${tone}`}>
      <span className="meter-track" aria-hidden>
        <span style={{ width: `${Math.round((100 * value) / max)}%` }} />
      </span>
      {text}
    </span>
  );
}

let announceLine: ((text: string) => void) | undefined;
/** Says for a moment, to eyes and screen readers, that something was done. */
export const announce = (text: string): void => announceLine?.(text);

export function Announcer() {
  const [line, setLine] = useState({ text: '', key: 0 });
  useEffect(() => {
    announceLine = (text) => setLine(({ key }) => ({ text, key: key + 1 }));
    return () => {
      announceLine = undefined;
    };
  }, []);
  useEffect(() => {
    if (!line.text) return;
    const timer = setTimeout(() => setLine(({ key }) => ({ text: '', key })), 4000);
    return () => clearTimeout(timer);
  }, [line]);
  return (
    <div className={`announcer ${line.text ? 'shown' : ''}`} role="status" aria-live="polite">
      {line.text && (
        <>
          <Icon name="check" /> {line.text}
        </>
      )}
    </div>
  );
}
