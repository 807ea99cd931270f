/** Value lists of appointments and visits. */

export const APPOINTMENT_STATUSES = ['scheduled', 'confirmed', 'completed', 'cancelled', 'no_show'] as const;
export type AppointmentStatus = (typeof APPOINTMENT_STATUSES)[number];

export const RECORDING_SESSION_STATUSES = ['recording', 'completed', 'failed'] as const;
export type RecordingSessionStatus = (typeof RECORDING_SESSION_STATUSES)[number];

/** Minutes an appointment takes when nobody says. */
export const DEFAULT_APPOINTMENT_MINUTES = 60;
