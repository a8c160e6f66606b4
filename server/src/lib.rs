//! Rollcall: a chat server that takes a roll call of every message.
//!
//! The folders are the stages of a message's way, in its order: [`gateway`] decodes an event, [`hub`] knows who is here,
//! [`chat`] carries the use case out, [`store`] commits, [`fanout`] hands it to every socket. [`identity`] says who
//! somebody is, [`telemetry`] counts, [`admin`] and [`api`] show and serve it over HTTP, [`web`] is the chat page,
//! and [`app`] puts them together.

pub mod admin;
pub mod api;
pub mod app;
pub mod canary;
pub mod chat;
pub mod clock;
pub mod commands;
pub mod delivery;
pub mod demo;
pub mod fanout;
pub mod faults;
pub mod gateway;
pub mod hub;
pub mod identity;
pub mod limits;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod webhook;
