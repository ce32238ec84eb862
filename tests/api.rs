//! The API from outside: what each of its operations asks of those who call it, and what it answers.

mod client;
mod doors;
mod fuzz;
mod limits;
mod manners;
mod pages;
mod related;
mod scope;
mod secrets;
mod sessions;
mod settings;
mod shared_stores;
mod shop;
mod users;
