/** One appointment: where, who, what was said before, and the visit. */
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, unwrap } from '../lib/api.ts';
import { callerName, dayOf, phone, timeOf } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan, useNameOf } from '../lib/me.ts';
import { appointmentStatus, visitOutcome } from '../lib/words.ts';
import { MoveDialog } from '../parts/booking.tsx';
import { HistoryList } from '../parts/history.tsx';
import { LeadCard } from '../parts/lead.tsx';
import { PipelineCard } from '../parts/pipeline.tsx';
import { CallerWords, mapLink, OutcomeDialog, useVisits, VisitControls, VisitResult } from '../parts/visits.tsx';
import { Icon } from '../ui/icons.tsx';
import { Button, Card, Definition, Empty, Loaded, Page, Said, Skeleton } from '../ui/kit.tsx';

export function AppointmentPage() {
  const { id } = useParams({ from: '/appointments/$id' });
  const can = useCan();
  const nameOf = useNameOf();
  const interval = useFallbackInterval();
  const [moving, setMoving] = useState(false);
  const [judging, setJudging] = useState(false);
  const appointment = useQuery({
    queryKey: ['appointment', id],
    queryFn: () => unwrap(api.GET('/api/v1/appointments/{id}', { params: { path: { id } } })),
    refetchInterval: interval,
  });
  const visits = useVisits(id, can('see visits'));
  return (
    <Loaded
      query={appointment}
      missing={
        <Page title="This appointment is not here">
          <Empty title="It was deleted, or is not yours to see">
            <Link to="/appointments">To the appointments</Link>
          </Empty>
        </Page>
      }
    >
      {(data) => {
        const { scheduled_start: start, status, outcome } = data;
        const isOpen = status === 'scheduled' || status === 'confirmed';
        return (
          <Page
            title={callerName(data.contact)}
            lead={
              <span className="row">
                <Said said={appointmentStatus(status)} />
                {outcome !== 'pending' && <Said said={visitOutcome(outcome)} />}
                {start ? `${dayOf(start)}, ${timeOf(start)}` : 'No time yet'}
              </span>
            }
            actions={
              can('write appointments') && (
                <>
                  {isOpen && (
                    <Button icon="calendar" onPress={() => setMoving(true)}>
                      {start ? 'Move' : 'Set the time'}
                    </Button>
                  )}
                  {!data.rescheduled_to_id && <Button onPress={() => setJudging(true)}>Set the outcome</Button>}
                </>
              )
            }
          >
            {data.rescheduled_to_id && (
              <p className="notice">
                It was moved:{' '}
                <Link to="/appointments/$id" params={{ id: data.rescheduled_to_id }}>
                  to the new appointment
                </Link>
              </p>
            )}
            <div className="split">
              <div className="stack">
                <Card title="Where and who">
                  <div className="visit-actions">
                    {data.location && (
                      <a className="button big" href={mapLink(data.location)} target="_blank" rel="noreferrer">
                        <Icon name="map" /> {data.location}
                      </a>
                    )}
                    {data.contact.phone_number && (
                      <a className="button big" href={`tel:${data.contact.phone_number}`}>
                        <Icon name="phone" /> {phone(data.contact.phone_number)}
                      </a>
                    )}
                  </div>
                  <Definition
                    items={[
                      ['Service', data.service_type ?? '–'],
                      ['Length', `${data.duration_minutes} min`],
                      ['Sales rep', data.assigned_rep_id ? nameOf(data.assigned_rep_id) : 'Not assigned'],
                    ]}
                  />
                  <CallerWords appointment={data} />
                </Card>
                {can('see visits') && (
                  <Card title="Visit">
                    <Loaded query={visits} skeleton={<Skeleton rows={1} />}>
                      {(items) => (
                        <>
                          {can('record visits') && isOpenForVisit(status) && (
                            <VisitControls appointment={data} visits={items} />
                          )}
                          {items.length === 0 && !can('record visits') && (
                            <p className="muted">No visit was recorded.</p>
                          )}
                          {items
                            .filter(({ status }) => status !== 'recording')
                            .map((visit) => (
                              <VisitResult key={visit.id} visit={visit} />
                            ))}
                        </>
                      )}
                    </Loaded>
                  </Card>
                )}
              </div>
              <div className="stack">
                <LeadCard leadId={data.lead_id} />
                <HistoryList contactId={data.contact.id} />
                {visits.data?.[0] && can('see operations') && <PipelineCard visit={visits.data[0]} />}
              </div>
            </div>
            <MoveDialog appointment={data} isOpen={moving} onClose={() => setMoving(false)} />
            <OutcomeDialog appointment={data} isOpen={judging} onClose={() => setJudging(false)} />
          </Page>
        );
      }}
    </Loaded>
  );
}

const isOpenForVisit = (status: string) => status === 'scheduled' || status === 'confirmed' || status === 'completed';
