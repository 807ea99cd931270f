/**
 * One small story with the same ids throughout, so that the examples of the OpenAPI document can be sent as printed to a
 * company that has these rows.
 */

/** Ids and numbers that the examples speak of. */
export const EXAMPLE = {
  companyId: 'org_2f8a',
  userId: 'user_42',
  csrId: 'user_17',
  contactId: '5d0c1f0e-7f0b-4c37-9c43-2f1f2d1b7a10',
  otherContactId: '9b2e6d14-3a57-4c0b-8e21-5d7f0a6c9e83',
  mergeId: 'e4d9a1b6-8c35-4f72-9a0d-1b6e3c5f7a28',
  leadId: '0f5f0a3c-6c59-4d6d-8f0a-7d9d0b0c4e21',
  callId: '8a1b7c52-93f7-4f0a-a6f1-0d1f6f4c2b33',
  providerCallId: 'CAL8154748ae6bd4e278a7cddd38a662f4f',
  appointmentId: 'c3a4c1de-0a35-4f59-9a2e-6b1f9f5d7e44',
  sessionId: '1f6a2f0b-2f5d-4c8e-8f55-6f6f5f1f7d55',
  endpointId: 'b9a3f7c2-0c39-4f0e-8f5e-2d1a7c6e5b40',
  deliveryId: '6d2f4a90-7b1e-4c58-9d3a-0e8c5f7b1a26',
  eventId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  workflowId: 'call:org_2f8a:CAL8154748ae6bd4e278a7cddd38a662f4f',
  followUpId: 'a4c0b8f5-63b9-4d0a-8c51-7c2f5f0f9b18',
  auditId: '3b241101-e2bb-4255-8caf-4136c566a962',
  requestId: '2f0c6a39-5f43-4e0f-9d6f-6a3f1c0b7e11',
  phoneNumber: '+15551234567',
  trackingNumber: '+15557654321',
} as const;
