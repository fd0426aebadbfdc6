//! Seeded cluster simulator, throwaway consortia and a link tamperer.
