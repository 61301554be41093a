// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// What an account of a merchant's wallet runs once it has delegated to it (EIP-7702). Everybody may call everything here,
/// since money that is moved by others can only come to the treasury: there is no owner, no storage, and no call that a
/// caller could choose. The treasury is part of the code, and the code of the address (CREATE2), so that whoever signs an
/// authorization knows from the address alone where the money can go.
contract PaytomatDelegate {
    address payable public immutable treasury;

    event NotFlushed(address indexed account, address indexed token);
    event PaidMany(address indexed token, uint256 recipients);

    error NotSelf();
    error NotAsMany(uint256 recipients, uint256 amounts);
    error NotPaid(address to, uint256 amount);

    constructor(address payable treasury_) {
        treasury = treasury_;
    }

    /// Nothing more fits into the 2,300 gas that old contracts pay with.
    receive() external payable {}

    /// Moves all that this account has of a token, or of the chain's own asset (the zero address), to the treasury.
    function flush(address token) external returns (uint256 amount) {
        amount = token == address(0) ? address(this).balance : Token(token).balanceOf(address(this));
        if (amount > 0 && address(this) != treasury) pay(token, treasury, amount);
    }

    /// Flushes many accounts. One that fails, or has not delegated, is told in the log, and the others go on.
    function flushMany(address token, address[] calldata accounts) external {
        for (uint256 i = 0; i < accounts.length; i++) {
            (bool done, bytes memory answer) = accounts[i].call(abi.encodeCall(this.flush, (token)));
            if (!done || answer.length != 32) emit NotFlushed(accounts[i], token);
        }
    }

    /// Pays many, all or none, and says so: to call an account that has not delegated succeeds too, and does nothing. Only
    /// the account itself, that is a transaction signed by its own key, can ask for it.
    function payMany(address token, address[] calldata to, uint256[] calldata amounts) external {
        if (msg.sender != address(this)) revert NotSelf();
        if (to.length != amounts.length) revert NotAsMany(to.length, amounts.length);
        for (uint256 i = 0; i < to.length; i++) pay(token, to[i], amounts[i]);
        emit PaidMany(token, to.length);
    }

    /// Tokens may answer nothing (USDT), but not `false`; and one that is not there is no success.
    function pay(address token, address to, uint256 amount) private {
        bool sent;
        if (token == address(0)) {
            (sent, ) = to.call{value: amount}("");
        } else {
            bytes memory answer;
            (sent, answer) = token.call(abi.encodeCall(Token.transfer, (to, amount)));
            sent = sent && (answer.length == 0 ? token.code.length > 0 : abi.decode(answer, (bool)));
        }
        if (!sent) revert NotPaid(to, amount);
    }
}

interface Token {
    function balanceOf(address account) external view returns (uint256);

    function transfer(address to, uint256 amount) external returns (bool);
}
